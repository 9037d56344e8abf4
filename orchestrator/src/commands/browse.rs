//! `exp ui`: runs in a browser.

use exp_consistency::data::cache_directory;
use tokio::runtime::Builder;

use super::Failure;
use super::list::usual;
use crate::cli::{Cli, Ui};
use crate::compose::{Library, World};
use crate::history::outermost;
use crate::screen::tell;
use crate::ui;

/// Serves the page until the process is stopped.
pub(super) fn browse(ui: &Ui, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let folders = if ui.dirs.is_empty() { usual(cli, library, world)? } else { ui.dirs.clone() };
    if let Some(missing) = ui.dirs.iter().find(|dir| !dir.is_dir()) {
        return Err(Failure::Look(format!("there is no folder {}", missing.display())));
    }
    let ready = |address| tell(format_args!("http://{address}/  (Ctrl-C ends it)"));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(ui::serve(outermost(&folders), cache_directory(), ui.host, ui.port, ready));
    served.map_err(|error| Failure::Look(format!("cannot serve at {}:{}: {error}", ui.host, ui.port)))
}
