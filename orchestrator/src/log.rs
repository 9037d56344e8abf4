//! Where messages go: to the terminal, briefly; to `exp.log` of the run at hand, in the form of Hydra's job logging.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use indicatif::MultiProgress;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The log of a run, within its directory.
pub const FILE: &str = "exp.log";

/// Messages to the terminal alone, above the progress bars.
pub fn terminal(bars: &MultiProgress) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(Terminal(bars.clone())))
}

/// Messages to the terminal and to the log of a run, which grows.
///
/// # Errors
/// The log cannot be opened.
pub fn terminal_and_file(bars: &MultiProgress, run: &Path) -> io::Result<Dispatch> {
    let file = OpenOptions::new().create(true).append(true).open(run.join(FILE))?;
    let to_file =
        tracing_subscriber::fmt::layer().event_format(JobLogging).with_ansi(false).with_writer(Arc::new(file));
    Ok(Dispatch::new(tracing_subscriber::registry().with(Terminal(bars.clone())).with(to_file)))
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
        self.0.suspend(|| eprintln!("{prefix}{}", message.0));
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

/// `[2026-11-23 07:50:01,123][exp][INFO] - message`.
struct JobLogging;

impl<S, N> FormatEvent<S, N> for JobLogging
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        let now = jiff::Zoned::now();
        let millis = now.millisecond();
        let target = event.metadata().target().split("::").next().unwrap_or("exp");
        let time = now.strftime("%Y-%m-%d %H:%M:%S");
        writeln!(writer, "[{time},{millis:03}][{target}][{}] - {}", event.metadata().level(), message.0)
    }
}
