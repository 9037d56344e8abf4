//! Overrides: the values they give, the paths they take, and the sweeps they span.

use super::random::Random;
use super::values::{sweep, value};
use super::{Case, view};
use crate::case::Ask;

/// A configuration with one of each, so that every kind of override can meet every kind of value.
const CONFIG: &str = "\
defaults:
- _self_
- db: mysql
lr: 0.1
n: 3
name: exp
none: null
miss: ???
flag: true
lst: [1, 2, 3]
maps: [{a: 1}, {b: 2}]
d: {a: 1, b: {c: x, d: [1, 2]}, 1: one, e: {}}
ref: ${d}
ref_lr: ${lr}
text: 'lr is ${lr}'
empty: {}
";

const PATHS: [&str; 40] = [
    "lr",
    "n",
    "name",
    "none",
    "miss",
    "flag",
    "lst",
    "lst.0",
    "lst.2",
    "lst.3",
    "lst.-1",
    "maps.0",
    "maps.0.a",
    "maps.1.c",
    "d",
    "d.a",
    "d.b",
    "d.b.c",
    "d.b.d.1",
    "d.b.new",
    "d.1",
    "d.e",
    "d.e.x",
    "ref",
    "ref.a",
    "ref_lr",
    "text",
    "empty",
    "empty.x",
    "new",
    "new.x.y",
    "none.x",
    "miss.x",
    "lr.x",
    "name.x",
    "db.host",
    "db.port",
    "db.new",
    "hydra.job.name",
    "hydra.verbose",
];

fn base() -> Case {
    let mut case = Case::new(CONFIG.to_owned());
    let files = [
        ("db/mysql.yaml", "host: localhost\nport: 3306\n"),
        ("db/pg.yaml", "host: pghost\nport: 5432\nuser: ${name}\n"),
        ("db/my1.yaml", "host: one\n"),
        ("model/small.yaml", "width: 16\n"),
        ("model/sub/big.yaml", "width: 99\n"),
    ];
    case.files.extend(files.map(|(name, text)| (name.to_owned(), text.to_owned())));
    case
}

/// One new key with any value.
pub fn values(random: &mut Random) -> Case {
    let mut case = Case::new("lr: 0.1\nname: exp\nd: {a: 1}\n".to_owned());
    case.words.push(format!("+v={}", value(random, 2)));
    case.ask = view(random, &[]);
    case
}

/// Overrides of all kinds on all kinds of keys.
pub fn paths(random: &mut Random) -> Case {
    let mut case = base();
    for _ in 0..=random.below(3) {
        let prefix = random.word(&["", "", "", "+", "+", "++", "~"]);
        let key = match random.below(12) {
            0 => random.word(&[
                "db",
                "model",
                "model/sub",
                "db@x",
                "db@_global_",
                "model@m.n",
                "nope",
                "nope@x",
                "d@x",
                "hydra/job_logging",
                "hydra/launcher",
            ]),
            1 => random.word(&[
                "$x", "a-b", "_x", "1.a", "a.1", "a..b", ".a", "a.", "a/b.c", "lst[0]", "9", "é", "", "d.b$", "a b",
            ]),
            _ => random.word(&PATHS),
        };
        let value = match random.below(10) {
            _ if prefix == "~" && random.chance(60) => String::new(),
            0..=4 => random.word(&[
                "=1",
                "=0.1",
                "=x",
                "=null",
                "=true",
                "=exp",
                "=3",
                "=pg",
                "=mysql",
                "=small",
                "=big",
                "=[pg,my1]",
                "=",
                "='1'",
                "=???",
            ]),
            5 => random.word(&["={a:2}", "={b:{c:y}}", "={new:1}", "=[1]", "=[]", "={}", "=[1,2,3]", "={x:{y:1}}"]),
            6 => random.word(&["=${lr}", "=${d}", "='${d.${name}}'", "=${nope}", "=${.a}", "=\\${x}"]),
            _ => format!("={}", value(random, 1)),
        };
        case.words.push(format!("{prefix}{key}{value}"));
    }
    case.ask = match random.below(8) {
        0 => Ask::Cfg {
            part: "hydra",
            package: Some(random.word(&["hydra.job.name", "hydra.verbose", "hydra.overrides", "hydra.run"])),
            resolve: false,
        },
        1 => Ask::Cfg {
            part: "job",
            package: Some(random.word(&[
                "d", "db", "lst", "lr", "d.b", "nope", "ref", "_global_", "none", "d.b.d", "maps.0", "text", "ref.b",
            ])),
            resolve: random.chance(50),
        },
        _ => view(random, &[]),
    };
    case
}

/// Words that span a sweep.
pub fn sweeps(random: &mut Random) -> Case {
    let mut case = base();
    if random.chance(15) {
        let params = format!(
            "hydra:\n  sweeper:\n    params:\n      {}: {}\n",
            random.word(&["lr", "+p", "db", "~n", "d.a"]),
            random.word(&[
                "1,2",
                "range(3)",
                "'choice(a,b)'",
                "1",
                "pg,mysql",
                "'[1,2],[3]'",
                "'${n},${lr}'",
                "range(${n})",
                "'x${name},\"${name}\"'",
                "${nope}"
            ])
        );
        case.files.insert("config.yaml".to_owned(), format!("{CONFIG}{params}"));
    }
    for _ in 0..=random.below(2) {
        let key =
            random.word(&["lr", "n", "+v", "++w", "db", "+model", "name", "d.a", "lst", "d", "hydra.job.name", "flag"]);
        let value = match random.below(4) {
            0 if key == "db" => random.word(&[
                "pg,mysql",
                "glob(*)",
                "glob(my*)",
                "choice(pg,mysql)",
                "'pg',my1",
                "glob([p*,m*],exclude=my1)",
                "pg,nope",
                "glob(*,exclude=[pg])",
            ]),
            0 | 1 => (0..2 + random.below(2)).map(|_| value(random, 1)).collect::<Vec<_>>().join(","),
            2 => sweep(random, 2),
            _ => value(random, 1),
        };
        case.words.push(format!("{key}={value}"));
    }
    case.ask = Ask::Jobs;
    case
}
