//! Dates and times as python-dateutil reads them, which Patroni uses for scheduled actions.
//!
//! Source: dateutil/parser/_parser.py, `parser.parse` without options, 4.0.0. A name of a time zone other than that of UTC is
//! passed over, as it is there unless it is the machine's own.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Date and time as written.
    pub civil: DateTime,
    /// Seconds east of Greenwich; `None` without a time zone.
    pub offset_seconds: Option<i64>,
}

/// Reads a text; `None` where dateutil raises. What is missing of the date is that of `today`; without that the date must be
/// whole.
pub fn parse(text: &str, today: Option<Date>) -> Option<Moment> {
    let mut reading = Reading { tokens: tokens(text), ..Reading::default() };
    let mut index = 0;
    while index < reading.tokens.len() {
        index = reading.token(index)? + 1;
    }
    reading.finish(today)
}

const JUMP: &[&str] =
    &[" ", ".", ",", ";", "-", "/", "'", "at", "on", "and", "ad", "m", "t", "of", "st", "nd", "rd", "th"];
const WEEKDAYS: &[&[&str]] = &[
    &["mon", "monday"],
    &["tue", "tuesday"],
    &["wed", "wednesday"],
    &["thu", "thursday"],
    &["fri", "friday"],
    &["sat", "saturday"],
    &["sun", "sunday"],
];
const MONTHS: &[&[&str]] = &[
    &["jan", "january"],
    &["feb", "february"],
    &["mar", "march"],
    &["apr", "april"],
    &["may"],
    &["jun", "june"],
    &["jul", "july"],
    &["aug", "august"],
    &["sep", "sept", "september"],
    &["oct", "october"],
    &["nov", "november"],
    &["dec", "december"],
];
const HMS: &[&[&str]] = &[&["h", "hour", "hours"], &["m", "minute", "minutes"], &["s", "second", "seconds"]];
const AMPM: &[&[&str]] = &[&["am", "a"], &["pm", "p"]];
const UTC: &[&str] = &["utc", "gmt", "z"];

fn position(table: &[&[&str]], token: &str) -> Option<usize> {
    let token = token.to_lowercase();
    table.iter().position(|names| names.contains(&token.as_str()))
}

fn is_jump(token: &str) -> bool {
    JUMP.contains(&token.to_lowercase().as_str())
}

/// `_timelex.split`
fn tokens(text: &str) -> Vec<String> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Word,
        Number,
        WordWithDots,
        NumberWithDots,
    }
    let characters: Vec<char> = text.chars().filter(|character| *character != '\0').collect();
    let mut tokens = Vec::new();
    let mut index = 0;
    while let Some(first) = characters.get(index).copied() {
        index += 1;
        let mut state = match first {
            _ if first.is_alphabetic() => State::Word,
            _ if first.is_ascii_digit() => State::Number,
            _ => {
                tokens.push(if first.is_whitespace() { " ".to_owned() } else { first.to_string() });
                continue;
            }
        };
        let mut token = first.to_string();
        let mut seen_letters = state == State::Word;
        while let Some(next) = characters.get(index).copied() {
            let (is_word, is_number, ends_with_dot) =
                (next.is_alphabetic(), next.is_ascii_digit(), token.ends_with('.'));
            seen_letters |= matches!(state, State::Word | State::WordWithDots);
            state = match state {
                State::Word if is_word => State::Word,
                State::Word if next == '.' => State::WordWithDots,
                State::Number if is_number => State::Number,
                State::Number if next == '.' || next == ',' && 2 <= token.len() => State::NumberWithDots,
                State::WordWithDots if next == '.' || is_word => State::WordWithDots,
                State::WordWithDots if is_number && ends_with_dot => State::NumberWithDots,
                State::NumberWithDots if next == '.' || is_number => State::NumberWithDots,
                State::NumberWithDots if is_word && ends_with_dot => State::WordWithDots,
                _ => break,
            };
            token.push(next);
            index += 1;
        }
        let dots = token.matches('.').count();
        let has_dots = matches!(state, State::WordWithDots | State::NumberWithDots);
        if has_dots && (seen_letters || 1 < dots || token.ends_with(['.', ','])) {
            let mut rest = token.as_str();
            while let Some(at) = rest.find(['.', ',']) {
                tokens.extend(
                    [&rest[..at], &rest[at..=at]].into_iter().filter(|part| !part.is_empty()).map(str::to_owned),
                );
                rest = &rest[at + 1..];
            }
            tokens.extend(Some(rest).filter(|part| !part.is_empty()).map(str::to_owned));
        } else {
            let is_decimal_comma = state == State::NumberWithDots && dots == 0;
            tokens.push(if is_decimal_comma { token.replace(',', ".") } else { token });
        }
    }
    tokens
}

/// `_result` and `_ymd`: what has been read so far.
#[derive(Default)]
struct Reading {
    tokens: Vec<String>,
    hour: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    microsecond: Option<i64>,
    weekday: Option<i64>,
    zone: Option<String>,
    offset: Option<i64>,
    ymd: Vec<i64>,
    /// Where in `ymd` year and month are known to be.
    year_at: Option<usize>,
    month_at: Option<usize>,
    century_specified: bool,
}

/// What a number in a date is known to be.
#[derive(Clone, Copy, PartialEq)]
enum Label {
    Year,
    Month,
    Unknown,
}

impl Reading {
    fn at(&self, index: usize) -> Option<&str> {
        self.tokens.get(index).map(String::as_str)
    }

    /// Reads the token at `index`; returns the index of the last one that was used up.
    fn token(&mut self, index: usize) -> Option<usize> {
        let token = self.at(index)?.to_owned();
        if token.starts_with(|first: char| first.is_ascii_digit()) {
            return self.number(index, &token);
        }
        if let Some(weekday) = position(WEEKDAYS, &token) {
            self.weekday = Some(weekday as i64);
            return Some(index);
        }
        if let Some(month) = position(MONTHS, &token) {
            return self.month(index, month as i64 + 1);
        }
        if let Some(half) = position(AMPM, &token) {
            let hour = self.hour.filter(|hour| (0..=12).contains(hour))?;
            self.hour = Some(adjusted(hour, half));
            return Some(index);
        }
        let may_be_zone =
            self.hour.is_some() && self.zone.is_none() && self.offset.is_none() && token.chars().count() <= 5;
        if may_be_zone && (token.bytes().all(|byte| byte.is_ascii_uppercase()) || ["Z", "z"].contains(&token.as_str()))
        {
            return Some(self.zone_name(index, token));
        }
        if self.hour.is_some() && (token == "+" || token == "-") {
            return self.offset(index, if token == "+" { 1 } else { -1 });
        }
        is_jump(&token).then_some(index)
    }

    /// A name like `UTC`, or `UTC+3`, whose sign is that of POSIX, the other way round.
    fn zone_name(&mut self, index: usize, name: String) -> usize {
        let is_utc = UTC.contains(&name.to_lowercase().as_str());
        self.offset = is_utc.then_some(0);
        self.zone = Some(name);
        if let Some(sign @ ("+" | "-")) = self.at(index + 1) {
            self.tokens[index + 1] = if sign == "+" { "-" } else { "+" }.to_owned();
            self.offset = None;
            if is_utc {
                self.zone = None;
            }
        }
        index
    }

    fn offset(&mut self, index: usize, sign: i64) -> Option<usize> {
        let digits = self.at(index + 1)?.to_owned();
        let mut last = index + 1;
        let (hours, minutes) = match digits.len() {
            4 => (int(digits.get(..2)?)?, int(digits.get(2..)?)?),
            _ if self.at(index + 2) == Some(":") => {
                last += 2;
                (int(&digits)?, int(self.at(index + 3)?)?)
            }
            0..=2 => (int(&digits)?, 0),
            _ => return None,
        };
        self.offset = Some(sign * (hours * 3600 + minutes * 60));
        let name = self.at(last + 3).unwrap_or_default();
        let is_name = 3 <= name.len() && name.len() <= 5 && name.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_in_brackets = self.at(last + 2) == Some("(") && self.at(last + 4) == Some(")");
        if is_in_brackets && is_name && self.zone.is_none() && self.at(last + 1).is_some_and(is_jump) {
            self.zone = Some(name.to_owned());
            last += 4;
        }
        Some(last)
    }

    fn month(&mut self, index: usize, month: i64) -> Option<usize> {
        self.push(month, Label::Month)?;
        match self.at(index + 1) {
            Some(separator @ ("-" | "/")) => {
                let separator = separator.to_owned();
                self.push_text(index + 2, Label::Unknown)?;
                if self.at(index + 3) == Some(&separator) {
                    self.push_text(index + 4, Label::Unknown)?;
                    return Some(index + 4);
                }
                Some(index + 2)
            }
            // "Jan of 01"
            Some(" ") if self.at(index + 3) == Some(" ") && self.at(index + 4).is_some() => {
                if self.at(index + 2).is_none_or(|token| token.to_lowercase() != "of") {
                    return Some(index);
                }
                if let Some(year) = self.at(index + 4).and_then(int) {
                    self.century_specified = true;
                    self.push(century(year, false), Label::Year)?;
                }
                Some(index + 4)
            }
            _ => Some(index),
        }
    }

    /// `_parse_numeric_token`
    fn number(&mut self, index: usize, token: &str) -> Option<usize> {
        let length = token.chars().count();
        let value: f64 = token.parse().ok()?;
        let whole = value as i64;
        let next = self.at(index + 1).map(str::to_owned);
        let next_is = |text: &str| next.as_deref() == Some(text);
        let is_unit = |token: Option<&str>| token.is_some_and(|token| position(HMS, token).is_some());
        if self.ymd.len() == 3
            && (length == 2 || length == 4)
            && self.hour.is_none()
            && (next.is_none() || !next_is(":") && !is_unit(next.as_deref()))
        {
            self.hour = Some(int(token.get(..2)?)?);
            if length == 4 {
                self.minute = Some(int(&token[2..])?);
            }
            return Some(index);
        }
        if length == 6 || 6 < length && token.find('.') == Some(6) {
            if self.ymd.is_empty() && !token.contains('.') {
                for part in [&token[..2], &token[2..4], &token[4..]] {
                    self.push_digits(part, Label::Unknown)?;
                }
            } else {
                self.hour = Some(int(token.get(..2)?)?);
                self.minute = Some(int(token.get(2..4)?)?);
                self.seconds(token.get(4..)?)?;
            }
            return Some(index);
        }
        if matches!(length, 8 | 12 | 14) {
            self.push_digits(token.get(..4)?, Label::Year)?;
            self.push_digits(token.get(4..6)?, Label::Unknown)?;
            self.push_digits(token.get(6..8)?, Label::Unknown)?;
            if 8 < length {
                self.hour = Some(int(token.get(8..10)?)?);
                self.minute = Some(int(token.get(10..12)?)?);
            }
            if 12 < length {
                self.second = Some(int(token.get(12..)?)?);
            }
            return Some(index);
        }
        if let Some(unit_at) = self.unit_of(index) {
            let unit = position(HMS, self.at(unit_at)?)? + usize::from(unit_at < index);
            match unit {
                0 => {
                    self.hour = Some(whole);
                    self.minute = sixtieths(token).or(self.minute);
                }
                1 => self.minutes(token)?,
                2 => self.seconds(token)?,
                _ => {}
            }
            return Some(unit_at.max(index));
        }
        if next_is(":") && self.at(index + 2).is_some() {
            self.hour = Some(whole);
            let minutes = self.at(index + 2)?.to_owned();
            self.minutes(&minutes)?;
            if self.at(index + 3) == Some(":") && self.at(index + 4).is_some() {
                let seconds = self.at(index + 4)?.to_owned();
                self.seconds(&seconds)?;
                return Some(index + 4);
            }
            return Some(index + 2);
        }
        if let Some(separator @ ("-" | "/" | ".")) = next.as_deref() {
            self.push_digits(token, Label::Unknown)?;
            let Some(second) = self.at(index + 2).filter(|token| !is_jump(token)) else { return Some(index + 1) };
            match second.bytes().all(|byte| byte.is_ascii_digit()) {
                true => self.push_text(index + 2, Label::Unknown)?,
                false => {
                    let month = position(MONTHS, second)?;
                    self.push(month as i64 + 1, Label::Month)?;
                }
            }
            if self.at(index + 3) != Some(separator) {
                return Some(index + 2);
            }
            match position(MONTHS, self.at(index + 4)?) {
                Some(month) => self.push(month as i64 + 1, Label::Month)?,
                None => self.push_text(index + 4, Label::Unknown)?,
            }
            return Some(index + 4);
        }
        if next.as_deref().is_none_or(is_jump) {
            if let Some(half) = self.at(index + 2).and_then(|token| position(AMPM, token)) {
                self.hour = Some(adjusted(whole, half));
                return Some(index + 2);
            }
            self.push(whole, Label::Unknown)?;
            return Some(index + 1);
        }
        if let Some(half) = next.as_deref().and_then(|token| position(AMPM, token)).filter(|_| value < 24.0) {
            self.hour = Some(adjusted(whole, half));
            return Some(index + 1);
        }
        if self.could_be_day(value) {
            self.push(whole, Label::Unknown)?;
            return Some(index);
        }
        None
    }

    /// `_find_hms_idx`: where the unit of a number is.
    fn unit_of(&self, index: usize) -> Option<usize> {
        let is_unit = |index: usize| self.at(index).is_some_and(|token| position(HMS, token).is_some());
        if is_unit(index + 1) {
            return Some(index + 1);
        }
        if self.at(index + 1) == Some(" ") && is_unit(index + 2) {
            return Some(index + 2);
        }
        if 0 < index && is_unit(index - 1) {
            return Some(index - 1);
        }
        let is_last = index + 1 == self.tokens.len();
        (1 < index && is_last && self.at(index - 1) == Some(" ") && is_unit(index - 2)).then(|| index - 2)
    }

    /// `_parse_min_sec`
    fn minutes(&mut self, text: &str) -> Option<()> {
        self.minute = Some(int(text.split('.').next()?)?);
        self.second = sixtieths(text);
        Some(())
    }

    /// `_parsems`
    fn seconds(&mut self, text: &str) -> Option<()> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        self.second = Some(int(seconds)?);
        let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
        self.microsecond = Some(int(&digits)?);
        Some(())
    }

    fn could_be_day(&self, value: f64) -> bool {
        let day = value as i8;
        let month = self.month_at.map(|at| self.ymd[at]);
        let year = self.year_at.map_or(2000, |at| self.ymd[at]);
        let days = match month {
            None => Some(31),
            Some(month) => date(year, month, 1).map(|first| first.days_in_month()),
        };
        1.0 <= value && days.is_some_and(|days| day <= days && value < 32.0)
    }

    fn push_text(&mut self, index: usize, label: Label) -> Option<()> {
        let text = self.at(index)?.to_owned();
        self.push_digits(&text, label)
    }

    /// `_ymd.append` of a text.
    fn push_digits(&mut self, text: &str, label: Label) -> Option<()> {
        let is_year = 2 < text.len() && text.bytes().all(|byte| byte.is_ascii_digit());
        self.append(int(text)?, label, is_year)
    }

    /// `_ymd.append` of a number.
    fn push(&mut self, value: i64, label: Label) -> Option<()> {
        self.append(value, label, 100 < value)
    }

    fn append(&mut self, value: i64, label: Label, is_year: bool) -> Option<()> {
        self.century_specified |= is_year;
        let label = match (is_year, label) {
            (true, Label::Month) => return None,
            (true, _) => Label::Year,
            (false, label) => label,
        };
        self.ymd.push(value);
        let place = match label {
            Label::Year => &mut self.year_at,
            Label::Month => &mut self.month_at,
            Label::Unknown => return Some(()),
        };
        place.replace(self.ymd.len() - 1).is_none().then_some(())
    }

    /// Whether any part of date or time was found.
    fn tells_anything(&self) -> bool {
        let numbers = [self.hour, self.minute, self.second, self.microsecond, self.weekday, self.offset];
        !self.ymd.is_empty() || numbers.iter().any(Option::is_some) || self.zone.is_some()
    }

    /// `resolve_ymd`: year, month and day.
    fn resolved(&self) -> Option<[Option<i64>; 3]> {
        let day_at = match (self.ymd.len(), self.year_at, self.month_at) {
            (3, Some(year_at), Some(month_at)) => Some(3 - year_at - month_at),
            _ => None,
        };
        let places = [self.year_at, self.month_at, day_at];
        if !self.ymd.is_empty() && self.ymd.len() == places.iter().flatten().count() {
            return Some(places.map(|place| place.map(|place| self.ymd[place])));
        }
        let some = |year: i64, month: i64, day: i64| Some([Some(year), Some(month), Some(day)]);
        match (self.ymd.as_slice(), self.month_at) {
            ([], _) => Some([None; 3]),
            ([only], _) if 31 < *only => Some([Some(*only), None, None]),
            ([only], _) => Some([None, None, Some(*only)]),
            ([_, _], Some(at)) => {
                let other = self.ymd[1 - at];
                let month = Some(self.ymd[at]);
                Some(if 31 < other { [Some(other), month, None] } else { [None, month, Some(other)] })
            }
            ([first, second], None) if 31 < *first => Some([Some(*first), Some(*second), None]),
            ([first, second], None) if 31 < *second => Some([Some(*second), Some(*first), None]),
            ([first, second], None) => Some([None, Some(*first), Some(*second)]),
            ([first, second, third], Some(0)) if 31 < *second => some(*second, *first, *third),
            ([first, second, third], Some(0)) => some(*third, *first, *second),
            ([first, second, third], Some(1)) if 31 < *first => some(*first, *second, *third),
            ([first, second, third], Some(1)) => some(*third, *second, *first),
            ([first, second, third], Some(_)) if 31 < *second => some(*second, *third, *first),
            ([first, second, third], Some(_)) => some(*first, *third, *second),
            ([first, second, third], None) if 31 < *first || self.year_at == Some(0) => some(*first, *second, *third),
            ([first, second, third], None) if 12 < *first => some(*third, *second, *first),
            ([first, second, third], None) => some(*third, *first, *second),
            _ => None,
        }
    }

    /// `validate`, `_build_naive` and `_build_tzaware`.
    fn finish(self, today: Option<Date>) -> Option<Moment> {
        let [year, month, day] = self.resolved()?;
        let year = year.map(|year| century(year, self.century_specified));
        let date = match (year, month, day) {
            (Some(year), Some(month), Some(day)) => date(year, month, day)?,
            _ if !self.tells_anything() => return None,
            _ => {
                let today = today?;
                let (year, month) = (year.unwrap_or(today.year().into()), month.unwrap_or(today.month().into()));
                let last = date(year, month, 1)?.days_in_month();
                let date = date(year, month, day.unwrap_or(today.day().min(last).into()))?;
                match self.weekday.filter(|_| day.is_none()) {
                    Some(weekday) => {
                        let ahead = (weekday - i64::from(date.weekday().to_monday_zero_offset())).rem_euclid(7);
                        date.checked_add(ahead.days()).ok()?
                    }
                    None => date,
                }
            }
        };
        let part = |value: Option<i64>| i8::try_from(value.unwrap_or(0)).ok();
        let nanosecond = i32::try_from(self.microsecond.unwrap_or(0) * 1000).ok()?;
        let time = Time::new(part(self.hour)?, part(self.minute)?, part(self.second)?, nanosecond).ok()?;
        let is_utc = |zone: &String| UTC.contains(&zone.to_lowercase().as_str());
        let offset_seconds = match &self.zone {
            Some(zone) if zone.eq_ignore_ascii_case("z") || self.offset.is_some() && is_utc(zone) => Some(0),
            _ => self.offset,
        };
        Some(Moment { civil: DateTime::from_parts(date, time), offset_seconds })
    }
}

/// `_adjust_ampm`
fn adjusted(hour: i64, half: usize) -> i64 {
    match (hour, half) {
        (..12, 1) => hour + 12,
        (12, 0) => 0,
        _ => hour,
    }
}

/// `convertyear`: a year of two digits is the nearest one, seen from 2026.
fn century(year: i64, specified: bool) -> i64 {
    match year {
        _ if specified => year,
        ..76 => year + 2000,
        76..100 => year + 1900,
        _ => year,
    }
}

/// The sixtieths, rounded down, that the fraction of a decimal number makes, unless that is none.
fn sixtieths(text: &str) -> Option<i64> {
    let digits: String = text.split_once('.')?.1.chars().take(15).collect();
    let fraction = int(&digits).filter(|fraction| *fraction != 0)?;
    Some(fraction * 60 / 10_i64.pow(digits.len() as u32))
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| 1 <= *year)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// `int(text)` of digits.
fn int(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
