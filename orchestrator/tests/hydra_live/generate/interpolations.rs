//! Interpolations and resolvers, resolved.

use super::Case;
use super::random::Random;
use crate::case::Ask;

/// What interpolations refer to.
const TARGETS: &str = "\
i: 1
f: 1.0e-5
s: str
t: true
z: null
miss: ???
key: a
idx: 1
quote: it's
l: [1, two, '${s}', [3, 4]]
d: {a: 10, b: {c: deep, up: '${..a}', root: '${s}'}, '0': zero, 1: one}
e: {x: '${d.a}', y: '${.x}', z: '${d}'}
env: ORACLE_V
made: '${oc.create:{a: 1, b: [x]}}'
open: {a: '${i}', b: '???', c: null}
";

/// How many of [`PATHS`] lead somewhere; the others are wrong.
const GOOD_PATHS: usize = 31;
const PATHS: [&str; 38] = [
    "i",
    "f",
    "s",
    "t",
    "z",
    "d",
    "l",
    "d.a",
    "d.b",
    "d.b.c",
    "d.b.up",
    "l.0",
    "l.1",
    "l[2]",
    "l.3.0",
    "d[b].c",
    "[d][b][c]",
    "d[a]",
    "e",
    "e.x",
    "e.y",
    "e.z.b.c",
    "key",
    ".i",
    "..i",
    " s ",
    ".d.a",
    "miss",
    "l[3][1]",
    "quote",
    "d.0",
    "e.z",
    "nope",
    "d.nope",
    "l.9",
    "i.x",
    "z.x",
    "l.-1",
];

/// A file of interpolated values, with everything resolved.
pub fn interpolations(random: &mut Random) -> Case {
    let mut text = TARGETS.to_owned();
    for n in 0..=random.below(3) {
        let value = value(random, 2).replace('\'', "''");
        text.push_str(&match random.below(6) {
            0 => format!("v{n}: {{in: '{value}', next: 1}}\n"),
            1 => format!("v{n}: ['{value}', 0]\n"),
            _ => format!("v{n}: '{value}'\n"),
        });
    }
    let mut case = Case::new(text);
    let package = random.chance(10).then(|| random.word(&["v0", "d", "e", "l", "e.z", "v0.in"]));
    case.ask = Ask::Cfg { part: "job", package, resolve: random.chance(90) };
    case
}

/// An interpolated text.
fn value(random: &mut Random, depth: usize) -> String {
    match random.below(10) {
        0..=5 => interpolation(random, depth),
        6 => format!("x{}", interpolation(random, depth)),
        7 => format!("{}{}", interpolation(random, depth), interpolation(random, depth)),
        8 => format!(
            "{}{}{}",
            random.word(&["\\", "\\\\", "\\\\\\", "a\\", "$", "$$", "{", "é "]),
            interpolation(random, depth),
            random.word(&["", "\\", "}", " $", "\\\\", " b"])
        ),
        _ => format!("{} and {}", interpolation(random, depth), interpolation(random, depth)),
    }
}

fn interpolation(random: &mut Random, depth: usize) -> String {
    match random.below(14) {
        // Mostly those that have a value.
        0..=5 => {
            let among = if random.chance(85) { &PATHS[..GOOD_PATHS] } else { &PATHS[..] };
            format!("${{{}}}", random.pick(among))
        }
        6 if depth > 0 => format!("${{d.{}}}", interpolation(random, depth - 1)),
        7 => random.word(&[
            "${d.${key}}",
            "${d[${key}]}",
            "${${key}}",
            "${l[${idx}]}",
            "${oc.${env}:x}",
            "${oc.env:${env}}",
            "${d.b.${s}}",
        ]),
        _ => resolver(random, depth),
    }
}

fn resolver(random: &mut Random, depth: usize) -> String {
    let argument = |random: &mut Random| if depth > 0 { argument(random, depth - 1) } else { "x".to_owned() };
    match random.below(9) {
        0 => format!(
            "${{oc.env:{}}}",
            random.word(&[
                "ORACLE_V",
                "NOPE",
                "NOPE,x",
                "NOPE,null",
                "NOPE,",
                "ORACLE_V,3",
                "NOPE,[1]",
                "NOPE,'q ${s}'",
                "'ORACLE_V'",
                "NOPE,1.0",
                "NOPE,true",
                "NOPE,${d}",
                "NOPE,${l}",
                "NOPE,${z}"
            ])
        ),
        1 => format!("${{oc.env:NOPE,{}}}", argument(random)),
        2 => format!("${{oc.create:{}}}", argument(random)),
        3 => format!(
            "${{oc.decode:{}}}",
            random.word(&[
                "'1'", "null", "abc", "'[1, 2]'", "'{a: 1}'", "${s}", "'${d.a}'", "1", "'a b'", "'1e3'", "'${.s}'",
                "\"'x'\"", "true", "'null'", "'a,b'", "''", "'x y: z'"
            ])
        ),
        4 => format!(
            "${{oc.select:{}}}",
            random.word(&[
                "i",
                "nope",
                "nope,3",
                "d",
                "d.b.c",
                "miss",
                "miss,x",
                "z,1",
                ".s",
                "..s",
                "nope,${i}",
                "d.nope.x,1",
                "'l[0]'",
                "l[0]",
                "i.x",
                "i.x,2",
                "nope,[1]",
                "nope,{a: 1}",
                "s,",
                "l.9,1",
                "l.x,1",
                "made",
                "made.a",
                "nope,${d}",
                "nope,${made}",
                "nope,${e.z}",
                "nope,${oc.create:[1]}",
                "nope,${oc.dict.keys:d}"
            ])
        ),
        5 => format!(
            "${{oc.dict.{}:{}}}",
            random.word(&["keys", "values"]),
            random.word(&["d", "e", "d.b", "i", "nope", ".d", "l", "'d'", "z", "miss", "e.z", "open", "''"])
        ),
        6 => random.word(&[
            "${oc.deprecated:i}",
            "${oc.deprecated:i,'use $NEW_KEY'}",
            "${oc.deprecated:nope}",
            "${oc.deprecated:d}",
            "${oc.deprecated:s,1}",
        ]),
        7 => random.word(&[
            "${hydra:job.name}",
            "${hydra:nope}",
            "${hydra:job.nope.x}",
            "${now:%Y}",
            "${now:%Y-%m}",
            "${now:x}",
            "${now:%x|%^a|%-d|%j|%e|%P}",
            "${now:%z|%Z|%:z|%Q|%N|%é|%}",
            "${hydra.job.name}",
            "${hydra:job.config.override_dirname.kv_sep}",
            "${nope:1}",
            "${oc.nope:1}",
            "${hydra:run.dir}x",
            "${hydra:runtime.version}",
        ]),
        _ => format!(
            "${{oc.{}:{},{}}}",
            random.word(&["env", "select", "create", "decode"]),
            argument(random),
            argument(random)
        ),
    }
}

fn argument(random: &mut Random, depth: usize) -> String {
    match random.below(12) {
        0..=3 => random.word(&[
            "x", "1", "1.5", "true", "null", "a b", "'q'", "\"d q\"", "a:b", "1e3", "", " ", "a/b", "a.b", "-1",
            "x y z", "'a, b'", "'}'", "\\,", "a\\ b", "é", "inf", "1_000", "'\\''", "??", "$x",
        ]),
        4 | 5 if depth > 0 => format!(
            "[{}]",
            (0..random.below(4))
                .map(|_| argument(random, depth - 1))
                .collect::<Vec<_>>()
                .join(*random.pick(&[",", ", "]))
        ),
        6 | 7 if depth > 0 => format!(
            "{{{}}}",
            (0..random.below(3))
                .map(|_| format!(
                    "{}:{}{}",
                    random.word(&["a", "b c", "1", "x", "true", "null", "1.5", "a-b", "$k"]),
                    random.word(&["", " "]),
                    argument(random, depth - 1)
                ))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        8 => format!("'{}'", value(random, 0)),
        9 => value(random, 0),
        _ => interpolation(random, depth),
    }
}
