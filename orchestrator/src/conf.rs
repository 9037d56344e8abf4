//! The copy of conf/ in this binary, made by the build script.

include!(concat!(env!("OUT_DIR"), "/conf.rs"));
