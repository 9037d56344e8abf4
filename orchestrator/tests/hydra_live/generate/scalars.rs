//! Scalars as YAML writes them: plain, quoted, tagged, and as blocks.

use super::random::Random;

const PLAIN: [&str; 95] = [
    "1",
    "0",
    "-3",
    "+7",
    "007",
    "017",
    "08",
    "0o17",
    "0x1F",
    "0b101",
    "1_000",
    "_1",
    "1__0",
    "1_",
    "1:30",
    "12:30:45",
    "1:99",
    "-1:30",
    "190:20:30.15",
    "1.5",
    "-0.5",
    ".5",
    "-.5",
    "+.5",
    "1.",
    "1e3",
    "1e-4",
    "1E+5",
    "1e",
    "1.5e3",
    ".5e3",
    ".5e+3",
    "1_0.5",
    "1e400",
    "-1e400",
    "1e5.0",
    "0.1",
    "1e16",
    "123456789012345678",
    "1.0e-05",
    ".inf",
    "-.INF",
    ".NaN",
    "+.inf",
    "inf",
    "nan",
    "-nan",
    "Infinity",
    "true",
    "True",
    "TRUE",
    "tRue",
    "yes",
    "No",
    "ON",
    "off",
    "y",
    "n",
    "Y",
    "N",
    "null",
    "Null",
    "NULL",
    "nULL",
    "none",
    "None",
    "~",
    "",
    "???",
    "hello",
    "hello world",
    "a:b",
    "a-b",
    "-x",
    ":x",
    "x:",
    "2024-01-02",
    "2024-01-02 10:00:00",
    "2024-01-02T10:00:00Z",
    "é",
    "日本",
    "😀",
    "a#b",
    "a #b",
    "$a",
    "a$b",
    "x'y",
    "x\"y",
    "a, b",
    "a]b",
    "<<",
    "=",
    "/path/to",
    "*.py",
    "10.0.0.1",
];

const ODD: &str = "aAyn01 9.,:;-_+#'\"\\/{}[]()<>|&*!%@`?~=$\t\néß日😀\u{a0}\u{85}\u{2028}\u{feff}\u{7f}\u{1}";

/// A scalar that may follow `key: ` in a block, or stand in a flow collection.
pub fn scalar(random: &mut Random, indent: usize, flow: bool) -> String {
    match random.below(20) {
        0..=8 => {
            let text = random.word(&PLAIN);
            if flow && text.contains([',', '[', ']', '{', '}']) { single(&text) } else { text }
        }
        9 | 10 => number(random),
        11 | 12 => single(&free(random)),
        13 | 14 => double(&free(random), random),
        15 => quoted_over_lines(random, indent),
        16 if !flow => block(random, indent),
        17 if !flow => plain_over_lines(random, indent),
        18 => tagged(random),
        _ => random.word(&[
            "'1'",
            "'true'",
            "'null'",
            "''",
            "\"\"",
            "' '",
            "'a b'",
            "'???'",
            "\"x\\ty\"",
            "'y'",
            "'1e3'",
            "'on'",
            "'2024-01-02'",
        ]),
    }
}

/// Characters of numbers in any order: the edges of what is one.
pub fn number(random: &mut Random) -> String {
    let text = random.text("0011223456789_..eE+-:xboaf", 8);
    // What would be a key, an entry or nothing at all is quoted.
    if text.is_empty() || text.ends_with(':') || text == "-" || text.starts_with("- ") { single(&text) } else { text }
}

/// Text of any length and of any characters.
fn free(random: &mut Random) -> String {
    match random.below(4) {
        0 => random.text(ODD, 12),
        1 => random.text("ab 1:#-", 10),
        2 => {
            let words = [
                "word",
                "longer-word",
                "x",
                "",
                "a_very_long_word_without_any_blank_in_it",
                "it's",
                "\"q\"",
                "a: b",
                "#",
                "日本語",
                "\\n",
            ];
            (0..random.below(30)).map(|_| random.word(&words)).collect::<Vec<_>>().join(" ")
        }
        _ => random.word(&PLAIN),
    }
}

fn single(text: &str) -> String {
    // What would break the line, or is no printable character, belongs in double quotes.
    let text: String = text.chars().filter(|c| !c.is_control() && !"\u{2028}\u{feff}\u{85}".contains(*c)).collect();
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str, random: &mut Random) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' if random.chance(50) => out.push_str("\\t"),
            c if c.is_control() || "\u{2028}\u{feff}\u{85}\u{a0}".contains(c) => {
                out.push_str(&format!("\\u{:04x}", c as u32))
            }
            c if random.chance(3) => out.push_str(&format!("\\U{:08x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn quoted_over_lines(random: &mut Random, indent: usize) -> String {
    let quote = random.word(&["'", "\""]);
    let lines: Vec<String> = (0..=random.below(4))
        .map(|_| random.word(&["one", "two words", "", "  three", "four  ", "5", "- six", "# seven", "a: b"]))
        .collect();
    let deeper = random.below(4);
    let mut text = quote.clone() + &lines[0];
    for line in &lines[1..] {
        let end = if quote == "\"" && random.chance(10) { "\\" } else { "" };
        text.push_str(&format!("{end}\n{}{line}", " ".repeat(indent + 2 + deeper)));
    }
    text + &quote
}

fn plain_over_lines(random: &mut Random, indent: usize) -> String {
    let words = ["one", "two words", "3", "true", "four-", "x:y", "a#b", "é"];
    let mut text = random.word(&words);
    for _ in 0..random.below(3) {
        let gap = if random.chance(20) { "\n" } else { "" };
        text.push_str(&format!("{gap}\n{}{}", " ".repeat(indent + 1 + random.below(3)), random.word(&words)));
    }
    text
}

fn block(random: &mut Random, indent: usize) -> String {
    let style = random.word(&["|", ">", "|-", ">-", "|+", ">+", "|2", ">2-", "|  ", "> # note"]);
    let own = if style.contains('2') { 2 } else { 1 + random.below(3) };
    let lines = [
        "one",
        "two words",
        "",
        " deeper",
        "- dash",
        "# no comment",
        "key: value",
        "'quoted'",
        "é",
        "trailing  ",
        "\ttab",
        "---",
    ];
    let mut text = style;
    let mut first = true;
    for _ in 0..=random.below(5) {
        let line = random.word(&lines);
        // The first line decides about the indentation.
        let line = if first { line.trim_start().to_owned() } else { line };
        first &= line.is_empty();
        let blank = if line.is_empty() { String::new() } else { " ".repeat(indent + own) };
        text.push_str(&format!("\n{blank}{line}"));
    }
    text
}

fn tagged(random: &mut Random) -> String {
    random.word(&[
        "!!str 1",
        "!!str true",
        "!!str",
        "!!int '3'",
        "!!int 0x10",
        "!!int 1_0",
        "!!float 1",
        "!!float '1e3'",
        "!!float .inf",
        "!!bool 'yes'",
        "!!bool On",
        "!!null ''",
        "!!null x",
        "!!binary aGk=",
        "!!str 2024-01-02",
        "! 1",
        "! 'x'",
        "!!int x",
        "!!bool x",
        "!!timestamp 2024-01-02",
        "!foo x",
        "!!float 1:30",
    ])
}
