//! The schema: for every key of a run spec its kind, range and documentation, as data.
//!
//! The composer walks a configuration against it so that all problems are found at once, each where the user wrote
//! it. The `group!` macro writes a serde struct and its schema from one declaration, so the two cannot drift apart.

/// One key of a configuration group.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key, as written in configuration and in `spec.json`.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Whether `null` (or absence) is a value of its own.
    pub nullable: bool,
    /// What the key means, in the words of its documentation.
    pub doc: &'static str,
}

/// The kinds of values.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number between `min` and `max`, both included.
    Int {
        /// Smallest legal value.
        min: u64,
        /// Largest legal value.
        max: u64,
    },
    /// A finite number; a whole number is accepted.
    Float(Bounds),
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of values of one kind.
    List {
        /// The kind of each item.
        item: &'static Kind,
        /// Fewest items.
        min: usize,
    },
    /// A map with exactly these keys.
    Group(&'static [Field]),
    /// A map whose key `name` selects which other keys it has.
    Variants(&'static [Variant]),
    /// A map of anything: carried along, never read.
    Free,
}

/// One option of a [`Kind::Variants`] group.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// The value of the key `name`.
    pub name: &'static str,
    /// Its other keys.
    pub fields: &'static [Field],
}

/// A range of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Lower end.
    pub min: f64,
    /// Upper end, included.
    pub max: f64,
    /// Whether `min` itself is out.
    pub above: bool,
}

impl Bounds {
    /// Whether `value` lies inside.
    pub fn contains(&self, value: f64) -> bool {
        value.is_finite() && value <= self.max && if self.above { value > self.min } else { value >= self.min }
    }
}

/// A finite number.
pub const NUMBER: Kind = Kind::Float(Bounds { min: f64::NEG_INFINITY, max: f64::INFINITY, above: false });
/// A number above zero.
pub const POSITIVE: Kind = Kind::Float(Bounds { min: 0.0, max: f64::INFINITY, above: true });
/// A number of zero or more.
pub const NON_NEGATIVE: Kind = Kind::Float(Bounds { min: 0.0, max: f64::INFINITY, above: false });
/// A number from 0 to 1.
pub const FRACTION: Kind = Kind::Float(Bounds { min: 0.0, max: 1.0, above: false });
/// A whole number of zero or more. Configuration files hold 64-bit signed integers.
pub const COUNT: Kind = at_least(0);

/// A whole number of at least `min`.
pub const fn at_least(min: u64) -> Kind {
    Kind::Int { min, max: i64::MAX as u64 }
}

/// A number of noise levels of at least `min`: a table is made of them.
pub const fn levels(min: u64) -> Kind {
    Kind::Int { min, max: 1_000_000 }
}

/// The key at a dotted path below `fields`, where `chosen` gives the option that a group with options has, by its path.
pub fn find(fields: &'static [Field], path: &str, chosen: impl Fn(&str) -> Option<String>) -> Option<&'static Field> {
    let (mut fields, mut from) = (fields, 0);
    loop {
        let end = path[from..].find('.').map_or(path.len(), |at| from + at);
        let field = fields.iter().find(|field| field.name == &path[from..end])?;
        if end == path.len() {
            return Some(field);
        }
        fields = match field.kind {
            Kind::Group(inner) => inner,
            Kind::Variants(variants) => {
                let name = chosen(&path[..end])?;
                variants.iter().find(|variant| variant.name == name)?.fields
            }
            _ => return None,
        };
        from = end + 1;
    }
}

/// What the user may write, in words: `a number above 0`, `one of radam, adam`.
impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Bool => f.write_str("true or false"),
            Kind::Int { min, max } if *max < i64::MAX as u64 => write!(f, "a whole number from {min} to {max}"),
            Kind::Int { min, .. } => write!(f, "a whole number of at least {min}"),
            Kind::Float(b) if b.min.is_infinite() => f.write_str("a number"),
            Kind::Float(b) if b.max.is_finite() => write!(f, "a number from {} to {}", b.min, b.max),
            Kind::Float(b) if b.above => write!(f, "a number above {}", b.min),
            // Without the exponent, a tiny bound is a row of zeros.
            Kind::Float(b) if b.min != 0.0 => write!(f, "a number of at least {:e}", b.min),
            Kind::Float(_) => f.write_str("a number of at least 0"),
            Kind::Text => f.write_str("text"),
            Kind::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Kind::List { item, .. } => write!(f, "a list, each item {item}"),
            Kind::Group(_) | Kind::Variants(_) | Kind::Free => f.write_str("a map"),
        }
    }
}

/// Declares a configuration group: a serde struct that denies unknown keys, and its schema as `FIELDS`.
///
/// A field reads `name: Type => KIND;`, with `, nullable` behind the kind where the type is an `Option`, and
/// `name as "key": ...` where the key is a word of Rust. Who uses it depends on serde.
#[macro_export]
macro_rules! group {
    ($(#[doc = $doc:literal])* pub struct $name:ident { $($(#[doc = $fdoc:literal])* $field:ident $(as $key:literal)? : $ty:ty => $kind:expr $(, $null:ident)?;)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[doc = $fdoc])* $(#[serde(rename = $key)])? pub $field: $ty,)* }

        impl $name {
            /// The keys of this group.
            pub const FIELDS: &'static [$crate::schema::Field] = &[$($crate::schema::Field {
                name: $crate::group!(@key $field $($key)?),
                kind: $kind,
                nullable: $crate::group!(@nullable $($null)?),
                doc: concat!($($fdoc),*),
            },)*];
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@nullable) => { false };
    (@nullable nullable) => { true };
}

/// Declares a closed set of words: an enum spelled in configuration as given, and its words as `WORDS`.
#[macro_export]
macro_rules! choice {
    ($(#[doc = $doc:literal])* pub enum $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// The words, in order.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word that stands for this value.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }
    };
}

/// Declares a group with options: an enum of group structs, selected by the key `name`, and its schema as `VARIANTS`.
#[macro_export]
macro_rules! variants {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident($inner:ty) = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name")]
        pub enum $name { $($(#[doc = $vdoc])* #[serde(rename = $word)] $variant($inner),)* }

        impl $name {
            /// The options and their keys.
            pub const VARIANTS: &'static [$crate::schema::Variant] = &[$($crate::schema::Variant {
                name: $word,
                fields: <$inner>::FIELDS,
            },)*];
        }
    };
}

pub use {choice, group, variants};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::RunSpec;

    #[test]
    fn bounds_take_what_they_say() {
        let inside = |kind: Kind, values: &[f64]| -> Vec<bool> {
            let Kind::Float(bounds) = kind else { unreachable!("a kind of numbers") };
            values.iter().map(|&value| bounds.contains(value)).collect()
        };
        assert_eq!(inside(POSITIVE, &[0.0, 1e-300, f64::INFINITY]), [false, true, false]);
        assert_eq!(inside(FRACTION, &[-0.1, 0.0, 1.0, 1.1, f64::NAN]), [false, true, true, false, false]);
        assert_eq!(inside(NUMBER, &[-1e300, f64::NEG_INFINITY]), [true, false]);
    }

    #[test]
    fn kinds_say_what_to_write() {
        for (kind, text) in [
            (POSITIVE, "a number above 0"),
            (NON_NEGATIVE, "a number of at least 0"),
            (Kind::Float(Bounds { min: 1e-37, max: f64::INFINITY, above: false }), "a number of at least 1e-37"),
            (FRACTION, "a number from 0 to 1"),
            (at_least(2), "a whole number of at least 2"),
            (Kind::Choice(&["a", "b"]), "one of a, b"),
            (Kind::List { item: &COUNT, min: 0 }, "a list, each item a whole number of at least 0"),
        ] {
            assert_eq!(kind.to_string(), text);
        }
    }

    #[test]
    fn a_key_is_found_by_its_path() {
        let chosen = |path: &str| (path == "dataset").then(|| "cifar10".to_owned());
        let found = |path| find(RunSpec::FIELDS, path, chosen).map(|field| field.doc.trim());
        assert_eq!(found("train.lr"), Some("Learning rate of the torso."));
        assert!(found("dataset.dir").is_some() && found("loss.huber").is_some());
        for none in ["", "train.", "train.lr.x", "params.x", "dataset.side", "model.torso.nf"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    /// Names that are part of the contract with users; options may add others.
    #[test]
    fn the_fixed_keys_are_there() {
        fn has(fields: &[Field], path: &str) -> bool {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            fields.iter().filter(|field| field.name == name).any(|field| match field.kind {
                _ if rest.is_empty() => true,
                Kind::Group(inner) => has(inner, rest),
                Kind::Variants(variants) => variants.iter().any(|variant| has(variant.fields, rest)),
                _ => false,
            })
        }
        let keys = "seed backend.name backend.device backend.devices backend.threads backend.precision dataset.dir \
            dataset.split dataset.flip model.torso model.head loss.kind loss.lambda loss.gradient_flow loss.huber.c \
            loss.huber.norm schedule.kind schedule.s0 schedule.s1 schedule.sigma_min schedule.sigma_max schedule.rho \
            schedule.p_mean schedule.p_std schedule.horizon train.steps train.batch train.micro_batch train.lr \
            train.head_lr train.optimizer train.warmup train.clip train.log_every train.preview_every \
            train.checkpoint_every train.eval_every train.keep train.lr_decay ema.beta ema.warmup sample.n \
            sample.method sample.mid_sigma sample.steps sample.seed eval.metrics eval.n init_from tags notes params";
        let absent: Vec<&str> = keys.split_whitespace().filter(|key| !has(RunSpec::FIELDS, key)).collect();
        assert!(absent.is_empty(), "{absent:?}");
    }
}
