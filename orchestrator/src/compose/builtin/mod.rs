//! The configuration files that every search path holds: Hydra's own groups and their defaults.

/// Asked before the user's directory, as Hydra asks `pkg://hydra.conf`.
pub const FIRST: &[(&str, &str)] = &[
    ("hydra/env/default.yaml", include_str!("env/default.yaml")),
    ("hydra/help/default.yaml", include_str!("help/default.yaml")),
    ("hydra/hydra_help/default.yaml", include_str!("hydra_help/default.yaml")),
    ("hydra/hydra_logging/default.yaml", include_str!("hydra_logging/default.yaml")),
    ("hydra/hydra_logging/disabled.yaml", include_str!("hydra_logging/disabled.yaml")),
    ("hydra/hydra_logging/hydra_debug.yaml", include_str!("hydra_logging/hydra_debug.yaml")),
    ("hydra/hydra_logging/none.yaml", include_str!("hydra_logging/none.yaml")),
    ("hydra/job_logging/default.yaml", include_str!("job_logging/default.yaml")),
    ("hydra/job_logging/disabled.yaml", include_str!("job_logging/disabled.yaml")),
    ("hydra/job_logging/none.yaml", include_str!("job_logging/none.yaml")),
    ("hydra/job_logging/stdout.yaml", include_str!("job_logging/stdout.yaml")),
    ("hydra/output/default.yaml", include_str!("output/default.yaml")),
];

/// Asked last, so that a user's file of the same name stands instead.
pub const LAST: &[(&str, &str)] = &[
    ("hydra/config.yaml", include_str!("config.yaml")),
    ("hydra/launcher/basic.yaml", include_str!("launcher/basic.yaml")),
    ("hydra/sweeper/basic.yaml", include_str!("sweeper/basic.yaml")),
];
