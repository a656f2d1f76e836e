#!/usr/bin/env python3
"""Records what PyYAML's `yaml.safe_load` makes of many small documents, one JSON object per line.

    python tests/pyyaml/record.py > fixtures/pyyaml/cases.jsonl

Written by hand: every construct by name. Generated (same seed, same documents): scalars from the characters that numbers,
times and words are made of; random values in random styles; the same with a few characters damaged. The first line names
the versions and the seed.
"""
import datetime
import json
import platform
import random

import yaml

SEED = 20260101
SCALARS, DOCUMENTS, DAMAGED, SOUPS = 400, 250, 700, 500


def tagged(value, parents=()):
    """A JSON form that keeps Python's types apart; raises RecursionError on a value that holds itself."""
    if id(value) in parents:
        raise RecursionError
    below = parents + (id(value),)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):  # Text in Rust has no lone surrogates.
        return ''.join('\ufffd' if '\ud800' <= character <= '\udfff' else character for character in value)
    if isinstance(value, int):
        return {'int': str(value)}
    if isinstance(value, float):
        return {'float': repr(value)}
    if isinstance(value, (datetime.date, datetime.datetime)):
        return {'timestamp': str(value)}
    if isinstance(value, bytes):
        return {'binary': value.hex()}
    if isinstance(value, (list, tuple)):
        return [tagged(item, below) for item in value]
    if isinstance(value, set):
        return {'map': [[tagged(key), None] for key in sorted(value, key=repr)]}
    return {'map': [[tagged(key), tagged(item, below)] for key, item in value.items()]}


def record(text):
    try:
        answer = {'value': tagged(yaml.safe_load(text))}
    except RecursionError:
        answer = {'recursive': True}
    except Exception as error:
        answer = {'refused': type(error).__name__}
    print(json.dumps({'text': text, **answer}))


WORDS = '''
on On ON oN off Off OFF yes Yes YES no No NO nO true True TRUE tRUE false False FALSE y n Y N t f ~ null Null NULL nUll None
enabled disabled
0 1 -1 +5 00 0755 010 00123 0644 -0644 +017 019 08 09 0o755 0O7 0_7 0_ 0__ -0 +0 -0_ 0x1F 0X1F 0xFFFFFFFF -0x10 +0x0 0x 0x_ 0x_1
0xG 0b11 0b1010_1010 -0b1 0b 0b_ 0b2 0B1 1_000 1__0 1_ _1 _ - + 1+1 123456789012345678901234567890 -99999999999999999999999999999999999999999
1:30 12:30:45 190:20:30 -1:30 +1:30 1:60 1:59 1:5 1:05 1:005 0:0 0:30 01:30 1:30:90 1:3:4:5 1_0:3 1:_3 10:30 10.0.0.1:2379 ::1 1: a:1 :1 :
1e3 1E3 1.5e3 123E4 1.0e+3 1.0E-3 1.e+3 1.0e3 .5 -.5 +.5 .5e+3 .5e3 ._5 .5_0 1. 1._ 1.5_0 -1.5 +1.5 1_0.0 _1.0 1.10 10.0 16.2 9.6.24 1..2
0.1 0.0 -0.0 00.5 1.7976931348623159e+308 1.0e+400 1.0e-400 5.0e-324 0.1e+1 123456789.123456789 1.0e+16 1.0e+22 1.0e-5 0.0001 1.0e-4
1:30.5 190:20:30.15 0:0. 1:30. -1:30.5 1:30._ 1:60.5 .inf .Inf .INF .iNF -.inf +.inf .nan .NaN .NAN .Nan +.nan -.nan inf nan infinity .
2024-01-01 2024-1-1 2024-01-1 2024-13-01 2024-02-30 0000-01-01 0001-01-01 9999-12-31 2023-02-29 2024-02-29 2024-01-01T10:00:00
2024-01-01T10:00:00Z 2024-01-01t10:00:00+02:00 2024-01-01T10:00:00.123456789Z 2024-1-1T1:00:00 2024-01-01T25:00:00Z 2024-01-01T10:60:00
2024-01-01T10:00:60 2024-01-01T10:00 2024-01-01T10:00:00+24 2024-01-01T10:00:00-23:59 2024-01-01T10:00:00-23:60 2024-01-01T10:00:00+1
2024-01-01T10:00:00. 2024-01-01T10:00:00.5+01:30 2024-01-01T 20240101 2024-01 2024-001-01 01-01-2024 2024-01-01T10:00:00Z+1
= << < <<< =1 * *a & &a ! !a !!str !!int !!null @x %x `x ? ?a -a --- ... -- .. ---a ...a | > |- >+ |1 |0 |10 >- # #a a#b a#
: :a a: a:b a:: ::a http://a:b a:,b ,a a,b [ ] { } [] {} [a] {a} a[ a] a{ a} "a" 'a' "a 'a a" a' "a"b 'a'b "" \'\' '' \'a\'\'b\' \\ \\n "\\n"
{{var}} {{ {% ${HOME} $(NAME) <%=x%> *:5432 [::]:8008 [::1] 0.0.0.0:8008 127.0.0.1,::1:5432 fe80::1 host:5432
é 日本 \u00a0 \ufeff \u2028 \u0085 \U0001f600 a\u00a0b \u200b “on” –
'''.replace('\\\'', "'").split()

SPACED = [
    '2024-01-01 10:00:00', '2024-01-01  10:00:00 Z', '2024-01-01 10:00:00 +01:00', '2024-01-01\t10:00:00', '2024-01-01 10:00:00.1 -5',
    '2024-1-1 1:00:00', '2024-01-01 10:00:00 UTC', '{{ var }}', '{{ a }}:{{ b }}', '%{x} y', 'foo #bar', 'foo#bar', 'foo # bar', 'a: b', 'a : b',
    "it's", '"a" b', "'a' b", '"a" #c', '"a"#c', '[a]#c', '[a] #c', 'a\tb', 'a \t b', '\ta', 'a\t', 'a \t', '"a"\t', '[a,\tb]', '{a:\tb}',
    '"a\\tb"', '"a\\x41"', '"\\u00e9\\U0001f600"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\q"', '"\\/"', '"\\e\\0\\a\\b\\v\\f\\r\\N\\_\\L\\P\\\\"', '"\\x4"', '"\\U00110000"',
    '! 5', '! "5"', '! a', '!!str 5', '!!str', '!!str on', '!!str "5"', '!!str [a]', '!!str {a: b}', '!!int 5', '!!int "5"', '!!int " 5 "', "!!int 'a'", '!!int',
    '!!int "0x1F"', '!!int "010"', '!!int "09"', '!!int "1:30"', '!!int "1_0"', '!!int "--5"', '!!int "- 5"', '!!int "+"', '!!int "0b"', '!!int "1.5"', '!!int "٣"',
    '!!float 5', '!!float "1e3"', '!!float 1e3', '!!float nan', '!!float "Infinity"', '!!float ".inf"', '!!float "-.INF"', '!!float "1:30"', '!!float a', '!!float', '!!float " 1.5 "',
    '!!bool yes', '!!bool "ON"', '!!bool "tRuE"', '!!bool 1', '!!bool', '!!bool y', '!!null', '!!null a', '!!null ""', '!!null []', '!!timestamp 2024-01-01', '!!timestamp "2024-1-1"',
    '!!timestamp "2024-01-01"', '!!timestamp a', '!!timestamp', '!!timestamp "2024-13-01"', '!!timestamp "2024-01-01 1:02:03"', '!!binary aGVsbG8=', '!!binary "aGVsbG8"', '!!binary "aGVs bG8="',
    '!!binary', '!!binary "é"', '!!binary "a"', '!!binary "aGVsbG8=="', '!!binary "=aGVs"', '!!binary "aG=VsbG8="', '!!binary "aGVs*"', '!!seq [a]', '!!seq {a: b}', '!!seq a', '!!seq', '!!map {a: b}', '!!map [a]', '!!map a',
    '!!map', '!!set {a, b}', '!!set {a: 1}', '!!set [a]', '!!set {[a]}', '!!omap [a: 1, b: 2]', '!!omap [a]', '!!omap {a: 1}', '!!omap [{a: 1, b: 2}]', '!!omap []',
    '!!pairs [a: 1, a: 2]', '!!pairs [<<: {a: 1}]', '!!pairs [{}]', '!!python/none', '!!python/object:os.system x', '!foo', '!foo bar', '!foo [a]', '!<tag:yaml.org,2002:str> 5', '!<x> 5', '!<x', '!<>', '! ', '!!',
    '!a!b c', '!!str!x', '!%20 x', '!!%73tr 5', '!!st%7 5', '!!s[a]', '!!str,a', '!!value x', '!!value =', '!!merge x', '!!yaml x', '!!unknown x',
    '&a b', '&a', '&a [*a]', '&a {b: *a}', '[&a 1, *a]', '[&a 1, &a 2]', '*b', '[*b]', '&a-b_1 x', '&a.b x', '&é x', '&a, b', '[&a, *a]', '&a:x b', '&a &b c', '&a *a', '*a b', '!!str &a b', '&a !!str b', '!!str !!str b', '&a !!str 5',
    '[a, b]', '[a,b]', '[a,]', '[,]', '[,a]', '[a,,b]', '[ ]', '[a', 'a]', '[a]]', '[[a]', '[a] b', '[a]: b', '[a b: c]', '[a: b]', '[a: b, c]', '[a: b c: d]', '[a:]', '[:a]', '[: a]', '[:]', '[a:b]', '["a":b]', '["a": b]', '["a":[b]]', '[a:[b]]', '[? a: b]', '[? a]', '[?]', '[?a]', '[- a]', '[-]', '[-, a]', '[a - b]', '[-1]', '[*]', '[!]', '[!!str]', '[!!str, a]', '[#a]', '[a #b]', '[a#b]', '[|]', '[>]', '[| a]', '[%a]', '[@a]', '[`a]', "['a', \"b\"]", '[a: {b: c}]', '[{a: b}]',
    '{a}', '{a, b}', '{a: b}', '{a:b}', '{a: b,}', '{,}', '{a: b, , c}', '{a: }', '{a:}', '{: b}', '{:b}', '{:}', '{a: b: c}', '{a: b c: d}', '{"a":b}', '{"a":1,"b":[2,null]}', '{? a : b}', '{? a}', '{?}', '{? : b}', '{[a]: b}', '{{a: b}: c}', '{a: [b, {c: d}]}', '{a b}', '{a: "b"c}', '{a', '{a: b', '{a: b]', '{a: *b}', '{a: &b}', '{<<: {a: 1}}', '{<<: [{a: 1}, {a: 2, b: 3}]}', '{<<: a}', '{<<: [a]}', '{<<: }', '{<<: [[a: 1]]}', '{<<: {a: 1}, a: 2}', '{a: 2, <<: {a: 1}}', '{<<: {a: 1}, <<: {a: 2}}', '{"<<": {a: 1}}', '{<<: !foo {a: 1}}', '{!!merge x: {a: 1}}', '{=: 1}', '{a: =}', '{"=": 1}', '{= : 1, a: 2}', '!!str {=: x}', '!!int {=: 5}', '!!str {a: 1}', '{<<: &a {b: 1}, c: *a}', '{x: &a {b: 1}, <<: *a}', '{x: &a {<<: {b: 1}, c: 2}, y: {<<: *a}}', '[<<]', '{a: <<}',
    '{1: a, 1: b}', '{on: a, true: b}', '{1: a, 1.0: b, true: c}', '{~: a, null: b}', '{"1": a, 1: b}', '{0x10: a, 16: b}', '{.nan: a, .nan: b}', '{2024-01-01: a}', '{1.5: a}', '{!!binary aGk=: b}', '{? []: a}', '{? {}: a}', '{&a x: b, *a : c}', '{a: b, *a: c}',
    '? a', '? a\n: b', '? a\n? b', '?\n: b', '? - a\n: b', '? |\n  a\n: b', ': b', ': b\na: c', '? a : b', '? a: b\n: c', '?a: b', '? [a]\n: b', '? "a"\n:b',
    '- a', '-a', '- ', '-', '-\n-', '- a\n- b', '- a\nb', '- a\n b', '-\ta', '- \ta', '- - a', '- - a\n  - b', '- - a\n - b', '- a: 1\n  b: 2', '- a: 1\n b: 2', '- a: 1\n   b: 2', '-\n  a', '- -', '- - - a\n', '- # c\n  a', ' - a\n- b', '- a\n - b', '- a\n  - b', '- |\n a\n- b', '- !!str\n- &a\n- *a', '- a:\n  - b', '- a:\n    - b\n  c: d', '- ? a\n  : b', '- [a,\nb]', '- "a\nb"', "- 'a\n\nb'", '- a\n-- b',
    'a:\n- b', 'a:\n - b\n - c', 'a:\n- b\nc: d', 'a:\n- b\n c: d', 'a: - b', 'a:\n  b:\n    c: d\n   e: f', 'a:\n  b: c\n d: e', 'a:\n  b: c\n  d: e\nf: g', ' a: b\n c: d', ' a: b\nc: d', 'a: b\n c: d', 'a: b\n  c', 'a: b\n  c\n  d: e', 'a:\n  b\n  c', 'a:\n b\nc', 'a\nb: c', 'a\nb', 'a b: c', 'a  : b', 'a:\nb:', 'a:  \nb: ', 'a: # c\n  b', 'a: #c', 'a #c\nb', 'a: b #c\n  d', 'a: b\n# c\nd: e', 'a: b\n  # c\n  d', '# a', '#', '# a\nb: c # d\n# e', 'a:b', 'a :b', 'a: b:c', 'a: b: c', 'a: b:', 'a::', 'a:: b', '"a": b', '"a" : b', '"a":b', "'a':b", '"a\nb": c', 'a: "b\nc: d"', 'a: "b', "a: 'b", 'a: "b"c', 'a: "b" c', 'a: "b"\n  c', 'a: "b"\n"c": d', 'a: [b\n]', 'a: [\nb\n]', 'a: {\nb: c\n}', 'a: {\nb: c\n}\nd: e', 'a: [b,\n\tc]', 'a: {\n\t"b": 1\n}', 'a: {b: c\n,d: e}', 'a: {b\n: c}', 'a: {"b"\n: c}', '[a\n: b]', '["a"\n: b]', '[a\nb: c]', '{a\nb: c}', '{a: b\nc}', '[a #c\n,b]', '[a #c\nb]', 'a: [b]\nc: d', '[a]: b\nc: d', '{a: b}: c', 'a:\n{b: c}', 'a:\n[b]', 'a:\n"b"', 'a:\n&x b', 'a: &x\n  b: c\nd: *x', 'a: &x b\nc: *x', 'a: &x\nb: *x', '&x a: b\nc: *x', '&x\na: b', '*x : a', '&a a: &b b\n*a : *b', '&a a: &b b\n*a: *b', 'a: !!str\nb: c', 'a: !!str\n  b', 'a: !!map\n  b: c', '!!map\na: b', '!!str a: b', 'a: !!seq\n- b', 'a: &x\n- b\nc: *x', 'a: !!int\n- b', '<<: {a: 1}\nb: 2', 'x: &x {a: 1}\ny:\n  <<: *x\n  b: 2', 'x: &x\n  a: 1\n  b: {c: d}\ny:\n  a: 2\n  <<: *x', 'a: 1\na: 2', 'a: {b: 1}\na: {c: 2}', 'on: 1\nno: 2',
    'a:\n\tb: c', '\ta: b', 'a:\n \tb: c', 'a:\t1', 'a: \t1', 'a: 1\t', 'a: 1\t# c', 'a: 1 \t', 'a: "b"\t# c', 'a: 1\n\t', 'a: 1\n\t\nb: 2', 'a: 1\n  \t\nb: 2', '\t', '\t# c', ' \t# c\na: b', 'a: b\n\tc', 'a: b\n \tc', 'a: "b\n\tc"', 'a: |\n\tb', 'a: |\n  b\n\tc', 'a: |\n  b\n  \tc', 'a:\t|\n  b', 'a: |\t\n  b', '-\t- a', '?\ta', 'a\t: b', '[\ta]', '[a\t]', '{\ta: b}', '"a"\t: b', '#\ta', 'a:\t', 'a:\t\n  b',
    'a: |\n  b', 'a: |\n  b\n', 'a: |\n  b\n\n', 'a: |\n  b\n\nc: d', 'a: |-\n  b\n\n', 'a: |+\n  b\n\n', 'a: |+\n  b\n\nc: d', 'a: >\n  b\n  c\n', 'a: >\n  b\n\n  c\n', 'a: >\n  b\n   c\n  d\n', 'a: >\n  b\n\n   c\n\n  d\n', 'a: >-\n  b\n  c\n', 'a: >+\n  b\n\n', 'a: >\n\n  b\n', 'a: |\n\n  b\n', 'a: |\n   \n  b\n', 'a: |\n    \n  b\n', 'a: |\n', 'a: |', 'a: >', 'a: |+\n', 'a: |+\n\n', 'a: |-\n\n\n', 'a: |\nb: c', 'a: |\n\nb: c', 'a: |\nb', 'a: |2\n   b\n', 'a: |2\n  b\n', 'a: |1\n  b\n', 'a: |2-\n   b\n', 'a: |-2\n   b\n', 'a: |+2\n   b\n\n', 'a: |0\n  b\n', 'a: |10\n  b', 'a: |a\n  b', 'a: | a\n  b', 'a: |#c\n  b', 'a: | #c\n  b', 'a: |2 #c\n  b', 'a: |--\n  b', 'a: |3\n  b\n', 'a: |\n  b\n c', 'a: |\n  b\n # c\nd: e', 'a: |\n  b\n# c\nd: e', 'a: |\n  # b\n  c\n', '|\n a', '|\na', '|\n a\n b', '>\na\nb', '--- |\na\n---', '--- |\na\n...', '- |\n a', '- |\na', '- - |\n   a\n  - b', 'a: |\n  b: c\n  - d\n', 'a: !!str |\n  b', 'a: &x |\n  b\nc: *x', 'a: | &x\n  b', '? |\n  a\n: |\n  b\n', 'a: >\n  b \n  c\n', 'a: >\n  b\n  \tc\n', 'a: >\n  b\n  - c\n', 'a: |  \n  b  \n', 'a: |\r\n  b\r\n  c\r\n', 'a: >\r\n  b\r\n  c\r\n\r\n  d\r\n', 'a: |\n  é日\n  😀\nb: ü',
    '"a\n b"', '"a\n\n b"', '"a\\\n  b"', '"a \\\n  b"', '"a\\\n\n  b"', '"a \n b"', "'a\n b'", "'a\n\n b'", "'a''b'", "'a \n  b'", 'a\n b\n\n c', 'a\n\nb', 'a: b\n\n  c', 'a: b\n\n\n  c\nd: e', '"a\n---\nb"', '"a\n--- b"', "'a\n...\nb'", '"a\n ---\nb"', 'a\n---\nb', 'a\n ---\n b', 'a ---', 'a\n...', 'a: "\n  b\n"', '"\n"', "' '", '"  "', '" a "', '"a\\', '"a\\x', '"\\\r\n  a"', '"a\r\nb"', '"a\rb"', '"a\\\u2028b"', '"\\ "', '"\\\t"', "'\t'", '"\t a"',
    '---', '---\n', '--- ', '--- a', '---\na: b', '--- a: b', '--- [a]', '--- - a', '---\n- a\n', '---a', '--- #c', '---\n...', '---\n...\n', '...', '...\n', '...\na', 'a: b\n...', 'a: b\n...\n', 'a: b\n... # c', 'a: b\n... c', 'a: b\n...\n...', 'a: b\n...\nc: d', 'a: b\n---', 'a: b\n---\n', 'a: b\n---\nc: d', '---\na: b\n---\nc: d', '---\n---', '---\n---\n', '--- a\n--- b', 'a: b\n--- ', ' ---', ' --- a', 'a: ---', 'a:\n---', '- ---', '[---]', '[\n---\n]', '{\n--- : a}', '----', '-- a', '....', '.. a', '---\t', '---\ta', '"---"', '\n\n---\n\na', '# c\n---\na', 'a\n# c\n...', '--- |\n a', '--- >-\n a\n b', '--- !!str 5', '--- &a b', '--- !!map\na: b', '--- &a\na: b', '---\n\n---', '...\n---\na', '---\na\n...\n# c\n',
    '%YAML 1.1\n---\na', '%YAML 1.2\n---\na', '%YAML 2.0\n---\na', '%YAML 1\n---\na', '%YAML 1.1\na', '%YAML 1.1', '%YAML\n---\na', '%YAML 1.1 x\n---\na', '%YAML 1.1 #c\n---\na', '%YAML 1.1\n%YAML 1.1\n---\na', '%TAG ! !foo\n---\na', '%TAG !e! tag:yaml.org,2002:\n---\n!e!str 5', '%TAG !! tag:x,1:\n---\n!!str 5', '%TAG ! tag:yaml.org,2002:\n---\n!str 5', '%TAG !e! tag:yaml.org,2002:\n%TAG !e! tag:yaml.org,2002:\n---\na', '%TAG !e\n---\na', '%TAG e! x\n---\na', '%FOO bar\n---\na', '%FOO\n---\na', '%\n---\na', '% \n---\n', '%a', 'a\n%b', 'a: b\n%c: d', ' %a', 'a\n...\n%YAML 1.1\n---\nb', 'a\n%YAML 1.1\n---\nb', '%YAML 1.1\n\n# c\n---\na', '%TAG !e! tag:yaml.org,2002:str\n---\n!e! 5', '%YAML 1.x\n---\n', '%YAML 1.01\n---\na', '%FOO-bar_1 b\n---\na', '%F.O\n---\na',
    '', ' ', '\n', '\n\n', '  \n', '# c\n', '\ufeff', '\ufeffa: b', '\ufeff---\na: b', '\ufeff# c', '\ufeff- a\n- b', ' \ufeffa', 'a\ufeffb', 'a: \ufeffb', 'a: b\n\ufeffc: d', '"\ufeff"', '\ufeff%YAML 1.1\n---\na', '\ufeff\ufeffa',
    'a: b\r\nc: d\r\n', 'a: b\rc: d\r', 'a:\r\n  - b\r\n  - c\r\n', 'a: "b\r\n  c"\r\n', 'a: b\r\n\r\n  c\r\n', 'a: b\n\rc: d', 'a:\r\n\tb: c', '\r\n', '\r', '- a\r- b', '# c\r\na: b', 'a: b\r\n---\r\nc: d', '---\r\na: b\r\n...\r\n', 'a\r\n b', 'a: 1\r\nb: 2\n', 'a: "\r"', '%YAML 1.1\r\n---\r\na',
    'a: b\u0085c: d', 'a: b\u2028c: d', 'a\u2028b', 'a\u0085b', '"a\u0085b"', '"a\u2028b"', "'a\u2029b'", '# c\u0085a: b', 'a: |\u0085  b\u0085  c', 'a: |\n  b\u2028  c\n', 'a: >\n  b\u2028  c\n', 'a: >\n  b\u0085  c\n', '"a\u2028\u2028b"', 'a: b\u0085\u0085  c', '- a\u2029- b', '"\\\u0085 a"',
    'a: \x00', 'a\x00', '\x00', 'a: \x01', '"\x07"', 'a: \x1b[0m', 'a: \x7f', 'a: \x80', 'a: \x9f', 'a: \x85', '# \x08', 'a: \ufffe', 'a: \uffff', 'a: \ufffd', 'a: \U0010ffff', 'a: \ue000', 'a:\u00a01', 'a: “on”', 'é: ü', 'clé: "é"\nb: é', '日本: [日, 本]', '- é: ü\n  à: ñ', 'a: é # ü\nb: c', '😀: 😀', "'😀': |\n  😀\n",
    'postgresql:\n  listen: *:5432', 'restapi:\n  listen: [::]:8008', 'name: {{ inventory_hostname }}', 'name: "{{ x }}"', 'a: %h', 'a: @b', 'a: `b`', 'a: @', 'a: ,b', 'a: [b', 'a: b]', 'a: }', 'a: ]', ']', '}', ',', 'a: ,', 'a: -', 'a: - ', 'a: -b', 'a: --', 'a: ?', 'a: ? b', 'a: ?b', 'a: :', 'a: :b', 'a: |b', 'a: >b', 'a: >=1', 'a: !', 'a: &', 'a: *', 'a: #', 'a: #b', 'a: b#c', 'a: \'b\'\'', 'a: "b"d"', 'a: it\'s', 'a: b "c"', 'a: b, c', 'a: b [c]', 'a: b {c}', 'a: b & c', 'a: b * c', 'a: b ! c', 'a: b % c', 'a: b | c', 'a: b > c', 'a: b - c', 'a: b ? c', 'a: b \\ c', 'a: \\', 'a: $b', 'a: ~', 'a: ~b', 'a: b\\', 'a: /b/c', 'a: host=b port=5432', 'a: test ! -f /x/%f && cp %p /x/%f', 'a: t%f\n  b: c', 'a: \'%t [%p]: user=%u\'', 'a: %t [%p]: user=%u',
    'scope: demo\nnamespace: /service/\nname: pg1\nrestapi:\n  listen: 0.0.0.0:8008\n  connect_address: 10.0.0.1:8008\nbootstrap:\n  dcs:\n    ttl: 30\n    postgresql:\n      use_pg_rewind: true\n      parameters:\n        max_connections: 100\n  initdb:\n  - encoding: UTF8\n  - data-checksums\npostgresql:\n  pg_hba:\n  - host all all 0.0.0.0/0 md5\n  parameters:\n    unix_socket_directories: "."\ntags:\n    nofailover: false\n',
    'pg_hba:\n  - local all all: peer\n  - host all all 0.0.0.0/0 md5 # c\n  -\n  - "#x"\n', 'tags:\nnofailover: true\n', 'log:\n  mode: 0644\n  mode2: "0644"\n', 'parameters:\n  max_connections = 500\n  shared_buffers = 1GB\n', 'parameters:\n  a = 1\n  b: 2\n', 'ttl:\u00a030', 'password: abc #12\nb: c', 'password: abc#12', 'password: 0123456', 'password: 12:34', 'locale: no', 'a: 1e5', 'a: 0x1F', 'a: 1_000', 'pause: on', 'a: 2024-01-01', 'a: 2024-01-01 10:00:00', 'a: 0000-01-01',
    'a' * 1022 + ': b', 'a' * 1023 + ': b', 'a' * 1024 + ': b', 'a' * 1025 + ': b', '"' + 'a' * 1022 + '": b', '"' + 'a' * 1023 + '": b', '? ' + 'a' * 1100 + '\n: b', '[' + 'a' * 1100 + ': b]', '[' + 'a' * 1100 + ']', '{' + 'a' * 1100 + ': b}', 'x: [' + 'a, ' * 500 + ']', '[' + 'a, ' * 500 + ']: b', '"a\n' + 'b": c', '? "a\n b"\n: c', '[a,\n b]: c', '{a:\n b}: c', 'k' * 1200, '- ' + 'é' * 1025 + ': b',
    '[' * 20 + ']' * 20, '{a: ' * 20 + '}' * 20, '- ' * 20 + 'a', '[' * 20 + ']' * 19, '[' * 19 + ']' * 20, 'a: &x [1, 2]\nb: [*x, *x]', 'a: &x {k: v}\nb: *x\nc: [*x]', 'a: &x 1\na: &y 2\nb: *x', '? &k a\n: b\nc: *k', '!!set\n? a\n? b\n', '!!omap\n- a: 1\n- b: 2\n', '- &a !!str 5\n- *a', '- !!str &a 5\n- *a', '- &a\n- *a', '- &a : b\n- *a', '&a : b', '&a ? b\n: c', '!!str : b', '? !!str\n: b', '? &a\n: *a', '- ! a\n- ! 5\n- ! [a]', '- !<!foo> a', '- !<tag:yaml.org,2002:int> "5"', "? 'a'\n: \"b\"\n? [c]\n: d",
]


def scalars(rng):
    for _ in range(SCALARS):
        yield ''.join(rng.choice('0123456789' * 2 + '___::..--++eExXobfOnN~T Z,#' ) for _ in range(rng.randint(1, 9)))
    for _ in range(SCALARS // 8):
        yield '%04d-%02d-%02d%s%d:%02d:%02d%s' % (rng.randint(0, 9999), rng.randint(0, 13), rng.randint(0, 32), rng.choice('Tt '),
                                                  rng.randint(0, 25), rng.randint(0, 61), rng.randint(0, 61),
                                                  rng.choice(['', 'Z', ' Z', '.5', '+1', '-11:30', '+25:00', '.1234567 +02:00']))


LEAVES = ['a', 'b c', 'on', 'no', '1', '0644', '1_000', '1:30', '1.5', '1e3', '~', '', '"x"', "'y'", '"a: b"', "'it''s'", '"\\t\\u00e9"', 'é', '日本', '2024-01-01', 'a#b', 'http://x:1', '*x', '&x z',
          '!!str 5', '!!int "7"', '"multi\n     line"', 'plain\n     more', '"%p"', '10.0.0.1:5432', '[]', '{}', '-1', '- x', 'a:b', ':', '?', '"", # c', 'a # c']
KEYS = ['a', 'b', 'key', '"q"', "'s'", 'on', '1', 'é', '? k', '<<', 'x y', '=', '&k kk', '!!str 1', 'a-b', '[f]', '']


def document(rng, depth, indent):
    """Lines of a random block node, to stand at the given indentation."""
    kind = rng.random()
    pad = ' ' * indent
    eol = rng.choice(['', '', '', '', ' ', ' # c', '\n'])
    if depth == 0 or kind < 0.15:
        return [pad + rng.choice(LEAVES) + eol]
    if kind < 0.3:
        return [pad + flow(rng, depth) + eol]
    if kind < 0.4:
        header = rng.choice(['|', '>', '|-', '>+', '|+', '>-', '|2', '| # c'])
        body = [' ' * (indent + rng.choice([0, 1, 2, 2, 2, 3])) + rng.choice(['text', 'é: x', '# no comment', '', 'x  ', '- y']) for _ in range(rng.randint(1, 4))]
        return [pad + header] + body
    lines = []
    for _ in range(rng.randint(1, 3)):
        below = document(rng, depth - 1, indent + rng.choice([0, 1, 2, 2, 2, 4]))
        lead = '-' if kind < 0.65 else rng.choice(KEYS) + ':'
        if rng.random() < 0.6 and len(below) > 0:
            lines += [pad + lead + ' ' + below[0].lstrip(' ')] + below[1:]
        else:
            lines += [pad + lead + rng.choice(['', '', ' ', ' # c', ' &y', ' !!map'])] + below
    return lines


def flow(rng, depth):
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(LEAVES)
    space = rng.choice(['', ' ', '\n  ', ' '])
    if rng.random() < 0.5:
        return '[' + space + (',' + space).join(flow(rng, depth - 1) for _ in range(rng.randint(0, 3))) + space + ']'
    pairs = [rng.choice(KEYS) + rng.choice([': ', ':', ' : ', ':\n ']) + flow(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return '{' + space + (',' + space).join(pairs) + space + '}'


PIECES = [' ', '  ', '\n', '\n', '\n  ', '\t', ': ', ':', '- ', '-', '? ', ',', ', ', '[', ']', '{', '}', '#', ' #', '"', "'", '|', '>', '|\n', '&a ', '*a', '!', '!!str ', '%', '@', '\\', '---', '...', '\r\n', '\r',
          'a', 'b', 'é', '1', '0', '~', '=', '<<', '\u2028', '\u0085', '\ufeff', '\u00a0', '\n---\n', '\n...\n', '<<: ']


def damage(rng, text):
    characters = list(text)
    for _ in range(rng.randint(1, 3)):
        place = rng.randint(0, len(characters))
        action = rng.random()
        if action < 0.4:
            characters.insert(place, rng.choice(PIECES))
        elif characters and place < len(characters):
            if action < 0.7:
                del characters[place]
            else:
                characters[place] = rng.choice(PIECES)
    return ''.join(characters)


def main():
    print(json.dumps({'pyyaml': yaml.__version__, 'python': platform.python_version(), 'seed': SEED}))
    rng = random.Random(SEED)
    texts = [word.encode().decode('unicode_escape') if word.startswith('\\u') or word.startswith('\\U') or 'a\\u' in word else word for word in WORDS]
    texts += ['k: ' + text for text in texts] + ['[' + text + ']' for text in texts if len(text) < 12] + SPACED
    texts += ['k:\n  - ' + text.replace('\n', '\n    ') for text in SPACED if len(text) < 40]
    texts += scalars(rng)
    documents = ['\n'.join(document(rng, rng.randint(1, 4), 0)) + rng.choice(['', '\n']) for _ in range(DOCUMENTS + DAMAGED)]
    texts += documents[:DOCUMENTS]
    texts += [text.replace('\n', '\r\n') for text in documents[:DOCUMENTS // 5]]
    texts += [damage(rng, text) for text in documents[DOCUMENTS:]]
    texts += [''.join(rng.choice(PIECES) for _ in range(rng.randint(2, 9))) for _ in range(SOUPS)]
    for text in dict.fromkeys(texts):
        record(text)


if __name__ == '__main__':
    main()
