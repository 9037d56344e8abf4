//! Where messages go: to the terminal, briefly; to the log of the run at hand, in the form that Hydra's job logging gives.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use indicatif::MultiProgress;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::process::Logging;
use crate::screen;

/// Messages to the terminal alone, above the progress bars.
pub fn terminal(bars: &MultiProgress) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(Terminal(bars.clone())))
}

/// Messages of a job, where its logging wants them: on the terminal if there is a `screen`, in the log of its directory,
/// which grows.
///
/// # Errors
/// The log cannot be opened.
pub fn of_job(screen: Option<&MultiProgress>, run: &Path, logging: &Logging) -> io::Result<Dispatch> {
    let level = |name: &str| match name {
        "DEBUG" => LevelFilter::DEBUG,
        "INFO" => LevelFilter::INFO,
        "WARNING" => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    };
    let targets = logging.debug.iter().map(|name| (name.clone(), LevelFilter::DEBUG));
    let kept = Targets::new().with_default(level(&logging.level)).with_targets(targets);
    let file = match &logging.file {
        Some(name) => Some(OpenOptions::new().create(true).append(true).open(run.join(name))?),
        None => None,
    };
    let to_file = file.map(|file| {
        let lines = Lines { format: logging.format.clone() };
        tracing_subscriber::fmt::layer().event_format(lines).with_ansi(false).with_writer(Arc::new(file))
    });
    let to_terminal = screen.filter(|_| logging.console).map(|bars| Terminal(bars.clone()));
    Ok(Dispatch::new(tracing_subscriber::registry().with(to_terminal).with(to_file).with(kept)))
}

/// Prints the bare message; a warning says that it is one. An error ends its job: whoever started the job shows it.
struct Terminal(MultiProgress);

impl<S: Subscriber> Layer<S> for Terminal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let prefix = match *event.metadata().level() {
            Level::ERROR => return,
            Level::WARN => "warning: ",
            _ => "",
        };
        self.0.suspend(|| screen::warn(format_args!("{prefix}{}", message.0)));
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Lines in the form of Python's logging, such as `[2026-11-23 07:50:01,123][exp][INFO] - message`.
struct Lines {
    format: String,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        let now = jiff::Zoned::now();
        let time = format!("{},{:03}", now.strftime("%Y-%m-%d %H:%M:%S"), now.millisecond());
        let target = event.metadata().target().split("::").next().unwrap_or("exp");
        let level = match *event.metadata().level() {
            Level::WARN => "WARNING".to_owned(),
            level => level.to_string(),
        };
        let mut line = self.format.clone();
        // The message last: it may hold anything.
        let fields = [("asctime", &*time), ("name", target), ("levelname", &*level), ("message", &*message.0)];
        for (field, text) in fields {
            line = line.replace(&format!("%({field})s"), text);
        }
        writeln!(writer, "{line}")
    }
}
