//! Characters to tokens, as PyYAML's scanner draws the line; not as YAML 1.2 would.
//!
//! Differences from YAML 1.2 that real files meet: brackets may close at any column, quoted text may continue at any
//! column, a tab starts no token, a comment may touch a closing quote or bracket.
//!
//! Source: yaml/scanner.py, `Scanner`, PyYAML 6.0.3.

use super::{Refusal, advice};
use crate::parse::tree::Style;

/// Flow collections inside each other; PyYAML gives up (`RecursionError`) somewhere below 500.
pub(super) const MAX_DEPTH: usize = 400;

/// A key that needs no `?` ends on its line and within this many characters.
const MAX_SIMPLE_KEY_CHARACTERS: usize = 1024;

/// One token and the bytes it covers; the tokens that indentation implies cover none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    VersionDirective { major: Option<u32> },
    TagDirective { handle: String, prefix: String },
    OtherDirective,
    DocumentStart,
    DocumentEnd,
    StreamEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    SequenceStart,
    SequenceEnd,
    MappingStart,
    MappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag { handle: Option<String>, suffix: String },
    Scalar { text: String, style: Style },
}

impl Kind {
    /// What a person would call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::VersionDirective { .. } | Self::TagDirective { .. } | Self::OtherDirective => "a % directive",
            Self::DocumentStart => "'---'",
            Self::DocumentEnd => "'...'",
            Self::StreamEnd => "the end of the text",
            Self::BlockSequenceStart | Self::BlockEntry => "a list entry ('- ')",
            Self::BlockMappingStart | Self::Key => "a key",
            Self::BlockEnd => "a smaller indentation",
            Self::SequenceStart => "'['",
            Self::SequenceEnd => "']'",
            Self::MappingStart => "'{'",
            Self::MappingEnd => "'}'",
            Self::FlowEntry => "','",
            Self::Value => "':'",
            Self::Alias(_) => "an alias ('*')",
            Self::Anchor(_) => "an anchor ('&')",
            Self::Tag { .. } => "a tag ('!')",
            Self::Scalar { .. } => "a value",
        }
    }
}

/// All tokens of a text, [`Kind::StreamEnd`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut scanner = Scanner {
        cursor: Cursor { text, at: 0, characters: 0, line: 0, column: 0 },
        tokens: Vec::new(),
        flow_level: 0,
        indent: -1,
        indents: Vec::new(),
        simple_key_allowed: true,
        simple_keys: Vec::new(),
    };
    while scanner.fetch()? {}
    Ok(scanner.tokens)
}

/// A place in the text, counted in every way that matters here.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    /// Bytes
    at: usize,
    characters: usize,
    line: usize,
    /// Characters since the line's start, without byte order marks.
    column: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The character here; NUL at the end, which no accepted text contains.
    fn peek(&self) -> char {
        self.rest().chars().next().unwrap_or('\0')
    }

    fn second(&self) -> char {
        self.rest().chars().nth(1).unwrap_or('\0')
    }

    fn forward(&mut self) -> char {
        let character = self.peek();
        if self.at == self.text.len() {
            return character;
        }
        self.at += character.len_utf8();
        self.characters += 1;
        if matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}') || character == '\r' && self.peek() != '\n' {
            self.line += 1;
            self.column = 0;
        } else if character != '\u{feff}' {
            self.column += 1;
        }
        character
    }

    fn skip_while(&mut self, mut accept: impl FnMut(char) -> bool) -> &'a str {
        let start = self.at;
        while self.at < self.text.len() && accept(self.peek()) {
            self.forward();
        }
        &self.text[start..self.at]
    }

    /// Steps over one line break, if here is one, and tells what it counts as.
    fn line_break(&mut self) -> Option<char> {
        match self.peek() {
            '\r' | '\n' | '\u{85}' => {
                let is_pair = self.rest().starts_with("\r\n");
                self.forward();
                if is_pair {
                    self.forward();
                }
                Some('\n')
            }
            '\u{2028}' | '\u{2029}' => Some(self.forward()),
            _ => None,
        }
    }

    /// Whether `---` or `...` stands here by itself.
    fn is_document_marker(&self) -> bool {
        let rest = self.rest();
        (rest.starts_with("---") || rest.starts_with("..."))
            && is_blank_or_end(rest[3..].chars().next().unwrap_or('\0'))
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_end(character: char) -> bool {
    character == '\0' || is_break(character)
}

fn is_space_or_end(character: char) -> bool {
    character == ' ' || is_end(character)
}

fn is_blank_or_end(character: char) -> bool {
    matches!(character, ' ' | '\t') || is_end(character)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

/// A token that turns out to be a key if a `:` follows in time.
struct SimpleKey<'a> {
    flow_level: usize,
    /// Where its [`Kind::Key`] has to be inserted.
    token_index: usize,
    /// It stands where only a key can stand.
    required: bool,
    place: Cursor<'a>,
}

struct Scanner<'a> {
    cursor: Cursor<'a>,
    tokens: Vec<Token>,
    flow_level: usize,
    /// Column of the block collection we are in; -1 outside of any.
    indent: isize,
    indents: Vec<isize>,
    simple_key_allowed: bool,
    /// At most one for each flow level, outermost first.
    simple_keys: Vec<SimpleKey<'a>>,
}

impl<'a> Scanner<'a> {
    /// Adds the next token; `false` after the last one.
    fn fetch(&mut self) -> Result<bool, Refusal> {
        self.skip_to_token();
        self.drop_stale_keys()?;
        self.unwind(self.cursor.column as isize);
        let start = self.cursor.at;
        let (first, second) = (self.cursor.peek(), self.cursor.second());
        let in_flow = 0 < self.flow_level;
        let at_line_start = self.cursor.column == 0;
        match first {
            '\0' => {
                self.end_block()?;
                self.push(Kind::StreamEnd, start);
                return Ok(false);
            }
            '%' if at_line_start => {
                self.end_block()?;
                let kind = self.directive()?;
                self.push(kind, start);
            }
            '-' | '.' if at_line_start && self.cursor.is_document_marker() => {
                self.end_block()?;
                self.indicator(if first == '-' { Kind::DocumentStart } else { Kind::DocumentEnd }, 3);
            }
            '[' | '{' => {
                self.save_key()?;
                self.flow_level += 1;
                if MAX_DEPTH < self.flow_level {
                    return Err(Refusal::new(
                        format!("brackets are nested more than {MAX_DEPTH} deep"),
                        start,
                        start + 1,
                    ));
                }
                self.simple_key_allowed = true;
                self.indicator(if first == '[' { Kind::SequenceStart } else { Kind::MappingStart }, 1);
            }
            ']' | '}' => {
                self.remove_key()?;
                if self.flow_level == 0 {
                    let message = format!("'{first}' closes a bracket that was never opened");
                    return Err(
                        Refusal::new(message, start, start + 1).help("quote the value if the bracket belongs to it")
                    );
                }
                self.flow_level -= 1;
                self.simple_key_allowed = false;
                self.indicator(if first == ']' { Kind::SequenceEnd } else { Kind::MappingEnd }, 1);
            }
            ',' => {
                self.simple_key_allowed = true;
                self.remove_key()?;
                self.indicator(Kind::FlowEntry, 1);
            }
            '-' if is_blank_or_end(second) => {
                self.start_block(
                    Kind::BlockSequenceStart,
                    "a list entry ('- ') cannot stand on the same line as its key",
                )?;
                self.simple_key_allowed = true;
                self.remove_key()?;
                self.indicator(Kind::BlockEntry, 1);
            }
            '?' if in_flow || is_blank_or_end(second) => {
                self.start_block(Kind::BlockMappingStart, "a key ('? ') cannot stand on the same line as another")?;
                self.simple_key_allowed = !in_flow;
                self.remove_key()?;
                self.indicator(Kind::Key, 1);
            }
            ':' if in_flow || is_blank_or_end(second) => self.value()?,
            '*' | '&' => {
                self.save_key()?;
                self.simple_key_allowed = false;
                self.anchor()?;
            }
            '!' => {
                self.save_key()?;
                self.simple_key_allowed = false;
                let kind = self.tag()?;
                self.push(kind, start);
            }
            '|' | '>' if !in_flow => {
                self.simple_key_allowed = true;
                self.remove_key()?;
                self.block_scalar(first == '>')?;
            }
            '\'' | '"' => {
                self.save_key()?;
                self.simple_key_allowed = false;
                self.quoted_scalar(first)?;
            }
            '-' | '?' | ':' => self.plain_scalar()?,
            '\t' => {
                let message = "a tab stands where YAML allows only spaces".to_owned();
                return Err(Refusal::new(message, start, start + 1)
                    .help("tabs cannot indent YAML nor separate its parts; use spaces"));
            }
            '#' | '|' | '>' | '%' | '@' | '`' => {
                let message = format!("a value without quotes cannot start with '{first}'");
                let help = advice(self.cursor.text, start).unwrap_or_else(|| "quote the value".to_owned());
                return Err(Refusal::new(message, start, start + 1).help(help));
            }
            _ => self.plain_scalar()?,
        }
        Ok(true)
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token { kind, start, end: self.cursor.at });
    }

    fn indicator(&mut self, kind: Kind, length: usize) {
        let start = self.cursor.at;
        for _ in 0..length {
            self.cursor.forward();
        }
        self.push(kind, start);
    }

    fn skip_to_token(&mut self) {
        if self.cursor.at == 0 && self.cursor.peek() == '\u{feff}' {
            self.cursor.forward();
        }
        loop {
            self.cursor.skip_while(|character| character == ' ');
            if self.cursor.peek() == '#' {
                self.cursor.skip_while(|character| !is_break(character));
            }
            if self.cursor.line_break().is_none() {
                return;
            }
            self.simple_key_allowed |= self.flow_level == 0;
        }
    }

    fn drop_stale_keys(&mut self) -> Result<(), Refusal> {
        let cursor = self.cursor;
        let is_stale = |key: &SimpleKey| {
            key.place.line != cursor.line || MAX_SIMPLE_KEY_CHARACTERS < cursor.characters - key.place.characters
        };
        if let Some(key) = self.simple_keys.iter().find(|key| key.required && is_stale(key)) {
            return Err(self.missing_colon(key));
        }
        self.simple_keys.retain(|key| !is_stale(key));
        Ok(())
    }

    fn missing_colon(&self, key: &SimpleKey) -> Refusal {
        let start = key.place.at;
        let rest = key.place.rest();
        let line = rest.find(is_break).map_or(rest, |end| &rest[..end]);
        let message = if MAX_SIMPLE_KEY_CHARACTERS < line.chars().count() {
            format!("a key is longer than {MAX_SIMPLE_KEY_CHARACTERS} characters, or its ':' is missing")
        } else {
            "expected a key with ':' at this indentation".to_owned()
        };
        let help = if line.trim_end().find(':').is_some_and(|at| !line[at + 1..].starts_with(' ')) {
            "a space is needed after the ':' of a key".to_owned()
        } else {
            advice(self.cursor.text, start)
                .unwrap_or_else(|| "indent the line deeper if it continues the value above".to_owned())
        };
        Refusal::new(message, start, start + line.trim_end().len()).help(help)
    }

    fn save_key(&mut self) -> Result<(), Refusal> {
        if self.simple_key_allowed {
            self.remove_key()?;
            let required = self.flow_level == 0 && self.indent == self.cursor.column as isize;
            let token_index = self.tokens.len();
            self.simple_keys.push(SimpleKey { flow_level: self.flow_level, token_index, required, place: self.cursor });
        }
        Ok(())
    }

    fn remove_key(&mut self) -> Result<(), Refusal> {
        match self.take_key() {
            Some(key) if key.required => Err(self.missing_colon(&key)),
            _ => Ok(()),
        }
    }

    fn take_key(&mut self) -> Option<SimpleKey<'a>> {
        self.simple_keys.pop_if(|key| key.flow_level == self.flow_level)
    }

    fn unwind(&mut self, column: isize) {
        while self.flow_level == 0 && column < self.indent {
            self.indent = self.indents.pop().expect("every indentation was pushed upon the one before it");
            self.push(Kind::BlockEnd, self.cursor.at);
        }
    }

    fn add_indent(&mut self, column: usize) -> bool {
        let column = column as isize;
        let deeper = self.indent < column;
        if deeper {
            self.indents.push(self.indent);
            self.indent = column;
        }
        deeper
    }

    /// Ends every block collection, before a directive, a document marker or the end.
    fn end_block(&mut self) -> Result<(), Refusal> {
        self.unwind(-1);
        self.remove_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn start_block(&mut self, kind: Kind, refusal: &str) -> Result<(), Refusal> {
        if 0 < self.flow_level {
            return Ok(());
        }
        let start = self.cursor.at;
        if !self.simple_key_allowed {
            let help = advice(self.cursor.text, start).unwrap_or_else(|| match kind {
                Kind::BlockSequenceStart => "put the list below its key, or quote the value".to_owned(),
                _ => "quote the value, or put the nested key on a line of its own".to_owned(),
            });
            return Err(Refusal::new(refusal.to_owned(), start, start + 1).help(help));
        }
        if self.add_indent(self.cursor.column) {
            self.push(kind, start);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<(), Refusal> {
        if let Some(key) = self.take_key() {
            let place = key.place;
            let implied = |kind| Token { kind, start: place.at, end: place.at };
            self.tokens.insert(key.token_index, implied(Kind::Key));
            if self.flow_level == 0 && self.add_indent(place.column) {
                self.tokens.insert(key.token_index, implied(Kind::BlockMappingStart));
            }
            self.simple_key_allowed = false;
        } else {
            self.start_block(Kind::BlockMappingStart, "a second ': ' in a value without quotes")?;
            self.simple_key_allowed = self.flow_level == 0;
            self.remove_key()?;
        }
        self.indicator(Kind::Value, 1);
        Ok(())
    }

    fn directive(&mut self) -> Result<Kind, Refusal> {
        let start = self.cursor.at;
        let refuse = |cursor: &Cursor| {
            Refusal::new(
                "a '%' at the start of a line starts a directive, and this is none".to_owned(),
                start,
                cursor.at,
            )
            .help("quote the value, or indent the line")
        };
        self.cursor.forward();
        let name = self.cursor.skip_while(is_word);
        if name.is_empty() || !is_space_or_end(self.cursor.peek()) {
            return Err(refuse(&self.cursor));
        }
        let kind = match name {
            "YAML" => {
                self.cursor.skip_while(|character| character == ' ');
                let major = self.cursor.skip_while(|character| character.is_ascii_digit());
                let has_point = self.cursor.peek() == '.';
                self.cursor.forward();
                let minor = self.cursor.skip_while(|character| character.is_ascii_digit());
                if major.is_empty() || !has_point || minor.is_empty() || !is_space_or_end(self.cursor.peek()) {
                    return Err(refuse(&self.cursor));
                }
                Kind::VersionDirective { major: major.parse().ok() }
            }
            "TAG" => {
                self.cursor.skip_while(|character| character == ' ');
                let handle = self.tag_handle()?;
                if self.cursor.peek() != ' ' {
                    return Err(refuse(&self.cursor));
                }
                self.cursor.skip_while(|character| character == ' ');
                let prefix = self.tag_uri()?;
                if !is_space_or_end(self.cursor.peek()) {
                    return Err(refuse(&self.cursor));
                }
                Kind::TagDirective { handle, prefix }
            }
            _ => {
                self.cursor.skip_while(|character| !is_break(character));
                Kind::OtherDirective
            }
        };
        self.ignored_line_end().then_some(kind).ok_or_else(|| refuse(&self.cursor))
    }

    /// Steps over blanks, a comment and the line break; `false` when something else stands there.
    fn ignored_line_end(&mut self) -> bool {
        self.cursor.skip_while(|character| character == ' ');
        if self.cursor.peek() == '#' {
            self.cursor.skip_while(|character| !is_break(character));
        }
        let is_clean = is_end(self.cursor.peek());
        self.cursor.line_break();
        is_clean
    }

    fn anchor(&mut self) -> Result<(), Refusal> {
        let start = self.cursor.at;
        let indicator = self.cursor.forward();
        let name = self.cursor.skip_while(is_word).to_owned();
        let next = self.cursor.peek();
        let is_over = is_blank_or_end(next) || matches!(next, '?' | ':' | ',' | ']' | '}' | '%' | '@' | '`');
        if name.is_empty() || !is_over {
            let what = if indicator == '*' { "refers to an anchor" } else { "names an anchor" };
            let message = format!("'{indicator}' at the start of a value {what}, and no such name follows");
            let help = advice(self.cursor.text, start).unwrap_or_else(|| "quote the value".to_owned());
            return Err(Refusal::new(message, start, self.cursor.at).help(help));
        }
        self.push(if indicator == '*' { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }

    fn tag(&mut self) -> Result<Kind, Refusal> {
        let start = self.cursor.at;
        let refuse = |cursor: &Cursor| {
            Refusal::new("'!' at the start of a value starts a tag, and this is none".to_owned(), start, cursor.at)
                .help("quote the value")
        };
        let second = self.cursor.second();
        let kind = if second == '<' {
            self.cursor.forward();
            self.cursor.forward();
            let suffix = self.tag_uri()?;
            if self.cursor.forward() != '>' {
                return Err(refuse(&self.cursor));
            }
            Kind::Tag { handle: None, suffix }
        } else if is_blank_or_end(second) {
            self.cursor.forward();
            Kind::Tag { handle: None, suffix: "!".to_owned() }
        } else {
            let rest = &self.cursor.rest()[1..];
            let word = rest.find(is_space_or_end).map_or(rest, |end| &rest[..end]);
            let handle = if word.contains('!') { self.tag_handle()? } else { self.cursor.forward().to_string() };
            Kind::Tag { handle: Some(handle), suffix: self.tag_uri()? }
        };
        if is_space_or_end(self.cursor.peek()) { Ok(kind) } else { Err(refuse(&self.cursor)) }
    }

    fn tag_handle(&mut self) -> Result<String, Refusal> {
        let start = self.cursor.at;
        let refuse = |cursor: &Cursor| Refusal::new("a malformed tag handle".to_owned(), start, cursor.at);
        if self.cursor.peek() != '!' {
            return Err(refuse(&self.cursor));
        }
        self.cursor.forward();
        if self.cursor.peek() != ' ' {
            self.cursor.skip_while(is_word);
            if self.cursor.peek() != '!' {
                return Err(refuse(&self.cursor));
            }
            self.cursor.forward();
        }
        Ok(self.cursor.text[start..self.cursor.at].to_owned())
    }

    fn tag_uri(&mut self) -> Result<String, Refusal> {
        let start = self.cursor.at;
        let raw = self
            .cursor
            .skip_while(|character| character.is_ascii_alphanumeric() || "-;/?:@&=+$,_.!~*'()[]%".contains(character));
        let mut bytes = Vec::new();
        let mut rest = raw.as_bytes();
        let refuse =
            |at| Refusal::new("a malformed tag".to_owned(), start, at).help("quote the value if '!' belongs to it");
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'%' {
                let code = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let code = code.filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
                let code =
                    code.and_then(|code| u8::from_str_radix(code, 16).ok()).ok_or_else(|| refuse(self.cursor.at))?;
                bytes.push(code);
                rest = &tail[2..];
            } else {
                bytes.push(*first);
            }
        }
        let uri = String::from_utf8(bytes).map_err(|_| refuse(self.cursor.at))?;
        if raw.is_empty() { Err(refuse(self.cursor.at)) } else { Ok(uri) }
    }

    fn block_scalar(&mut self, folded: bool) -> Result<(), Refusal> {
        let start = self.cursor.at;
        self.cursor.forward();
        let (mut keeps_breaks, mut increment) = (None, None);
        let header = self.cursor.rest();
        let length = header.chars().take(2).take_while(|character| "+-0123456789".contains(*character)).count();
        for character in header[..length].chars() {
            match character.to_digit(10) {
                Some(digit) if increment.is_none() && digit != 0 => increment = Some(digit as isize),
                None if keeps_breaks.is_none() => keeps_breaks = Some(character == '+'),
                _ => break,
            }
            self.cursor.forward();
        }
        let mut end = self.cursor.at;
        if !is_space_or_end(self.cursor.peek()) || !self.ignored_line_end() {
            let message = "only one of 1 to 9, '+', '-' or a comment may follow '|' or '>' on its line".to_owned();
            return Err(Refusal::new(message, start, self.cursor.at)
                .help("put the text on the next line, or quote the value if '|' or '>' belongs to it"));
        }
        let min_indent = (self.indent + 1).max(1);
        let mut breaks = String::new();
        let indent = match increment {
            Some(increment) => {
                let indent = (min_indent + increment - 1) as usize;
                self.block_breaks(indent, &mut breaks);
                indent
            }
            None => {
                let mut max_indent = 0;
                loop {
                    match self.cursor.line_break() {
                        Some(line_break) => breaks.push(line_break),
                        None if self.cursor.peek() == ' ' => {
                            self.cursor.forward();
                            max_indent = self.cursor.column.max(max_indent);
                        }
                        None => break,
                    }
                }
                max_indent.max(min_indent as usize)
            }
        };
        let mut text = String::new();
        let mut line_break = None;
        while self.cursor.column == indent && self.cursor.peek() != '\0' {
            text.push_str(&breaks);
            let starts_with_blank = matches!(self.cursor.peek(), ' ' | '\t');
            text.push_str(self.cursor.skip_while(|character| !is_break(character)));
            end = self.cursor.at;
            line_break = self.cursor.line_break();
            breaks.clear();
            self.block_breaks(indent, &mut breaks);
            if self.cursor.column != indent || self.cursor.peek() == '\0' {
                break;
            }
            let next_starts_with_blank = matches!(self.cursor.peek(), ' ' | '\t');
            if folded && line_break == Some('\n') && !starts_with_blank && !next_starts_with_blank {
                if breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.extend(line_break);
            }
        }
        if keeps_breaks != Some(false) {
            text.extend(line_break);
        }
        if keeps_breaks == Some(true) {
            text.push_str(&breaks);
        }
        self.tokens.push(Token { kind: Kind::Scalar { text, style: Style::Block }, start, end });
        Ok(())
    }

    /// Steps over empty lines and the next line's indentation.
    fn block_breaks(&mut self, indent: usize, breaks: &mut String) {
        loop {
            while self.cursor.column < indent && self.cursor.peek() == ' ' {
                self.cursor.forward();
            }
            let Some(line_break) = self.cursor.line_break() else { return };
            breaks.push(line_break);
        }
    }

    fn quoted_scalar(&mut self, quote: char) -> Result<(), Refusal> {
        let start = self.cursor.at;
        self.cursor.forward();
        let mut text = String::new();
        loop {
            let next = self.cursor.peek();
            match next {
                '\0' => {
                    let message = format!("a quote ({quote}) is never closed");
                    return Err(Refusal::new(message, start, start + 1));
                }
                '\'' if quote == '\'' && self.cursor.second() == '\'' => {
                    self.cursor.forward();
                    text.push(self.cursor.forward());
                }
                _ if next == quote => {
                    self.cursor.forward();
                    self.push(Kind::Scalar { text, style: Style::Quoted }, start);
                    return Ok(());
                }
                '\\' if quote == '"' => self.escape(start, &mut text)?,
                _ if is_blank_or_end(next) => {
                    let blanks = self.cursor.skip_while(|character| matches!(character, ' ' | '\t'));
                    match self.cursor.line_break() {
                        None => text.push_str(blanks),
                        Some(line_break) => {
                            let length = text.len();
                            self.quoted_breaks(start, &mut text)?;
                            if line_break != '\n' {
                                text.insert(length, line_break);
                            } else if text.len() == length {
                                text.push(' ');
                            }
                        }
                    }
                }
                _ => text.push(self.cursor.forward()),
            }
        }
    }

    fn escape(&mut self, start: usize, text: &mut String) -> Result<(), Refusal> {
        let place = self.cursor.at;
        self.cursor.forward();
        let character = self.cursor.peek();
        let digits = match character {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if self.cursor.line_break().is_some() => return self.quoted_breaks(start, text),
            _ => {
                text.push(match character {
                    '0' => '\0',
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    't' | '\t' => '\t',
                    'n' => '\n',
                    'v' => '\u{b}',
                    'f' => '\u{c}',
                    'r' => '\r',
                    'e' => '\u{1b}',
                    ' ' | '"' | '\\' | '/' => character,
                    'N' => '\u{85}',
                    '_' => '\u{a0}',
                    'L' => '\u{2028}',
                    'P' => '\u{2029}',
                    _ => {
                        let message = "an unknown escape after '\\' in double quotes".to_owned();
                        let end = place + 1 + if character == '\0' { 0 } else { character.len_utf8() };
                        return Err(Refusal::new(message, place, end)
                            .help("write the backslash twice, or use single quotes, which know no escapes"));
                    }
                });
                self.cursor.forward();
                return Ok(());
            }
        };
        self.cursor.forward();
        let mut left = digits;
        let code = self.cursor.skip_while(|character| {
            let accept = 0 < left && character.is_ascii_hexdigit();
            left -= usize::from(accept);
            accept
        });
        let refuse = |message: String, end| Refusal::new(message, place, end);
        if left != 0 {
            return Err(refuse(format!("'\\{character}' needs {digits} hexadecimal digits"), self.cursor.at));
        }
        let code = u32::from_str_radix(code, 16).ok().filter(|code| *code <= 0x0010_ffff);
        let code =
            code.ok_or_else(|| refuse("an escape names a character that does not exist".to_owned(), self.cursor.at))?;
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(())
    }

    /// Steps over the empty lines and the indentation inside of a quoted scalar.
    fn quoted_breaks(&mut self, start: usize, text: &mut String) -> Result<(), Refusal> {
        loop {
            if self.cursor.is_document_marker() {
                let message = "a document marker ('---' or '...') inside of a quoted value".to_owned();
                return Err(
                    Refusal::new(message, start, start + 1).help("close the quote before it, or indent the line")
                );
            }
            self.cursor.skip_while(|character| matches!(character, ' ' | '\t'));
            let Some(line_break) = self.cursor.line_break() else { return Ok(()) };
            text.push(line_break);
        }
    }

    fn plain_scalar(&mut self) -> Result<(), Refusal> {
        self.save_key()?;
        self.simple_key_allowed = false;
        let (start, mut end) = (self.cursor.at, self.cursor.at);
        let indent = self.indent + 1;
        let mut text = String::new();
        let mut between = String::new();
        while self.cursor.peek() != '#' {
            let chunk_start = self.cursor.at;
            loop {
                let character = self.cursor.peek();
                let in_flow = 0 < self.flow_level;
                let ends_key = || {
                    let second = self.cursor.second();
                    is_blank_or_end(second) || in_flow && matches!(second, ',' | '[' | ']' | '{' | '}')
                };
                if is_blank_or_end(character)
                    || character == ':' && ends_key()
                    || in_flow && matches!(character, ',' | '?' | '[' | ']' | '{' | '}')
                {
                    break;
                }
                self.cursor.forward();
            }
            if self.cursor.at == chunk_start {
                break;
            }
            self.simple_key_allowed = false;
            text.push_str(&between);
            text.push_str(&self.cursor.text[chunk_start..self.cursor.at]);
            end = self.cursor.at;
            between.clear();
            self.plain_blanks(&mut between);
            let is_dedented = self.flow_level == 0 && (self.cursor.column as isize) < indent;
            if between.is_empty() || is_dedented {
                break;
            }
        }
        self.tokens.push(Token { kind: Kind::Scalar { text, style: Style::Plain }, start, end });
        Ok(())
    }

    /// What a plain scalar has between its words here; nothing when it cannot go on.
    fn plain_blanks(&mut self, between: &mut String) {
        let blanks = self.cursor.skip_while(|character| character == ' ');
        let Some(line_break) = self.cursor.line_break() else {
            between.push_str(blanks);
            return;
        };
        self.simple_key_allowed = true;
        loop {
            if self.cursor.is_document_marker() && self.cursor.column == 0 {
                between.clear();
                return;
            }
            self.cursor.skip_while(|character| character == ' ');
            let Some(line_break) = self.cursor.line_break() else { break };
            between.push(line_break);
        }
        if line_break != '\n' {
            between.insert(0, line_break);
        } else if between.is_empty() {
            between.push(' ');
        }
    }
}
