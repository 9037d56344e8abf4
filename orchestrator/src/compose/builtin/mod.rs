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

/// Asked last, so that a user's file of the same name stands instead. Groups of plugins hold the plugins' own keys, so that a
/// tree written for them composes.
pub const LAST: &[(&str, &str)] = &[
    ("hydra/config.yaml", include_str!("config.yaml")),
    ("hydra/hydra_logging/colorlog.yaml", include_str!("hydra_logging/colorlog.yaml")),
    ("hydra/job_logging/colorlog.yaml", include_str!("job_logging/colorlog.yaml")),
    ("hydra/launcher/basic.yaml", include_str!("launcher/basic.yaml")),
    ("hydra/launcher/inline.yaml", include_str!("launcher/inline.yaml")),
    ("hydra/launcher/joblib.yaml", include_str!("launcher/joblib.yaml")),
    ("hydra/launcher/local.yaml", include_str!("launcher/local.yaml")),
    ("hydra/launcher/slurm.yaml", include_str!("launcher/slurm.yaml")),
    ("hydra/launcher/submitit_local.yaml", include_str!("launcher/submitit_local.yaml")),
    ("hydra/launcher/submitit_slurm.yaml", include_str!("launcher/submitit_slurm.yaml")),
    ("hydra/launcher/template.yaml", include_str!("launcher/template.yaml")),
    ("hydra/sweeper/basic.yaml", include_str!("sweeper/basic.yaml")),
    ("hydra/sweeper/optuna.yaml", include_str!("sweeper/optuna.yaml")),
    ("hydra/sweeper/random.yaml", include_str!("sweeper/random.yaml")),
    ("hydra/sweeper/tpe.yaml", include_str!("sweeper/tpe.yaml")),
    ("hydra/sweeper/sampler/cmaes.yaml", include_str!("sweeper/sampler/cmaes.yaml")),
    ("hydra/sweeper/sampler/grid.yaml", include_str!("sweeper/sampler/grid.yaml")),
    ("hydra/sweeper/sampler/motpe.yaml", include_str!("sweeper/sampler/motpe.yaml")),
    ("hydra/sweeper/sampler/nsgaii.yaml", include_str!("sweeper/sampler/nsgaii.yaml")),
    ("hydra/sweeper/sampler/random.yaml", include_str!("sweeper/sampler/random.yaml")),
    ("hydra/sweeper/sampler/tpe.yaml", include_str!("sweeper/sampler/tpe.yaml")),
];
