//! The right-hand sides of overrides: primitives, quotes, lists, maps, functions.

use super::random::Random;

/// One value of the override grammar.
pub fn value(random: &mut Random, depth: usize) -> String {
    match random.below(22) {
        0..=6 => random.word(&[
            "1",
            "-1",
            "+3",
            "1_000",
            "007",
            "0",
            "1.5",
            "-.5",
            "1e3",
            "1E-5",
            "1.",
            ".5",
            "inf",
            "-nan",
            "NaN",
            "infinity",
            "true",
            "FALSE",
            "null",
            "Null",
            "yes",
            "abc",
            "a-b",
            "a_b",
            "a b",
            "a  b",
            " x ",
            "1 2",
            "a:b",
            "10.0.0.1",
            "1.2.3",
            "/a/b",
            "a/b.yaml",
            "$x",
            "a@b",
            "x?",
            "*",
            "a|b",
            "%d",
            "0x10",
            "1_",
            "nullx",
            "true1",
            "1a",
            "???",
            "",
            " ",
            ":",
            "a:",
            ":a",
            "-",
            "--x",
            "+",
            "1e",
            "1.5.",
            "1,",
            "12:30",
            "http://x.y/z?q",
            "é",
            "a#b",
            "~",
            "a;b",
            "<x>",
            "a&b",
            "x=y",
            "!x",
        ]),
        7 | 8 => random.text("01a_.eE+-:$/ \\,()[]{}=%@?*|xX'\"", 7),
        9 | 10 => escaped(random),
        11..=13 => quoted(random),
        14 | 15 => random.word(&[
            "${lr}",
            "${d}",
            "x${lr}",
            "${lr}x",
            "${.lr}",
            "${oc.env:ORACLE_V}",
            "${oc.decode:1}",
            "'${d.${name}}'",
            "${a",
            "$lr",
            "${d.a} ${lr}",
            "'${oc.create:{a:1}}'",
            "${oc.select:nope,3}",
            "\\${lr}",
            "'\\${lr}'",
            "${}",
            "${now:%Y}",
        ]),
        16 | 17 if depth > 0 => {
            let items: Vec<_> = (0..random.below(4)).map(|_| value(random, depth - 1)).collect();
            format!("[{}]", items.join(&random.word(&[",", ", ", " , "])))
        }
        18 | 19 if depth > 0 => {
            let keys = [
                "a", "b", "a b", "1", "1.5", "true", "null", "a.b", "x/y", "-", "$k", "k:", "inf", "a-1", "??", "'q'",
                "0x1", "1e3",
            ];
            let items: Vec<_> = (0..random.below(4))
                .map(|_| format!("{}:{}{}", random.word(&keys), random.word(&["", " "]), value(random, depth - 1)))
                .collect();
            format!("{{{}}}", items.join(","))
        }
        20 if depth > 0 => call(random, depth - 1),
        _ => random.text("0123456789._eE+-", 8),
    }
}

fn escaped(random: &mut Random) -> String {
    let parts = [
        "a", "\\,", "\\=", "\\ ", "\\:", "\\[", "\\]", "\\{", "\\}", "\\(", "\\)", "\\\\", "\\n", "b c", "\\\t", "1",
        ".", "\\'", "\\x",
    ];
    (0..=random.below(5)).map(|_| random.word(&parts)).collect()
}

fn quoted(random: &mut Random) -> String {
    let quote = random.word(&["'", "\""]);
    let parts = [
        "a", "b c", "\\\\", "\\'", "\\\"", "\\n", "\"", "é", "1", ", ", ": ", "{", "}", "[", "=", "#", "日", "${lr}",
        "\\${lr}", "\t", "", "null", " ", "\\\\\\",
    ];
    let inner: String = (0..random.below(5)).map(|_| random.word(&parts)).collect();
    let other = if quote == "'" { "\"" } else { "'" };
    // Mostly closed where it should be.
    let inner = if random.chance(85) && !inner.contains('\\') { inner.replace(&quote, other) } else { inner };
    format!("{quote}{inner}{quote}")
}

/// A function that gives one value, as long as its arguments do.
fn call(random: &mut Random, depth: usize) -> String {
    let name = random.word(&["int", "float", "str", "bool", "sort", "int", "str", "nope", "json_str"]);
    let simple = [
        "1",
        "2.7",
        "-3.9",
        "'12'",
        "abc",
        "true",
        "null",
        "'1e3'",
        "1e3",
        "[1,2]",
        "{a:1}",
        "[3,1,2]",
        "[b,a]",
        "'False'",
        "inf",
        "[1,'2',true]",
        "${lr}",
        "1_0",
        "' 5 '",
        "[]",
        "{}",
        "[1,a]",
        "x y",
        "[2.5,1]",
    ];
    let argument = if random.chance(70) { random.word(&simple) } else { value(random, depth) };
    match random.below(8) {
        0 => format!(
            "{name}({argument},{})",
            random.word(&["reverse=true", "reverse=false", "1", "x", "reverse=1", "value=1"])
        ),
        1 => format!("{name}(value={argument})"),
        2 => format!("{name} ( {argument} )"),
        3 if depth > 0 => format!("{name}({})", call(random, depth - 1)),
        _ => format!("{name}({argument})"),
    }
}

/// A function that gives several values.
pub fn sweep(random: &mut Random, depth: usize) -> String {
    let number = |random: &mut Random| random.word(&["0", "1", "3", "5", "-2", "0.5", "0.1", "1.5", "0.3", "2", "1e0"]);
    match random.below(9) {
        0 | 1 => {
            let items: Vec<_> = (0..=random.below(3)).map(|_| value(random, 1)).collect();
            format!("choice({})", items.join(","))
        }
        2 => format!("range({})", number(random)),
        3 => format!("range({},{})", number(random), number(random)),
        4 => format!(
            "range({},{},{})",
            number(random),
            number(random),
            random.word(&["1", "2", "-1", "0.5", "0.1", "-0.7", "0"])
        ),
        5 => random.word(&[
            "range(start=1,stop=4)",
            "range(stop=3,step=2,start=0)",
            "interval(0,1)",
            "range(1,stop=3)",
            "choice(a)",
            "choice()",
            "choice([1,2],{a:1})",
            "tag(t,choice(a,b))",
            "tag(a,b,range(2))",
            "tag(range(2))",
            "tag(choice(a,b),x)",
            "shuffle(choice(x))",
            "range(3,step=2)",
            "range(3,start=1)",
            "glob(x*)",
            "glob(*,include=x)",
        ]),
        6 if depth > 0 => {
            format!("sort({}{})", sweep(random, depth - 1), random.word(&["", ",reverse=true", ",reverse=false"]))
        }
        7 if depth > 0 => format!("{}({})", random.word(&["int", "float", "str", "bool"]), sweep(random, depth - 1)),
        8 => format!(
            "{}({},{},{})",
            random.word(&["sort", "int", "float", "str"]),
            value(random, 0),
            value(random, 0),
            value(random, 0)
        ),
        _ => format!("range({})", random.below(4)),
    }
}
