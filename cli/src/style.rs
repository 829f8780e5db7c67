//! The colours: few, and each with one meaning.

use anstyle::{AnsiColor, Style};
use clap::builder::Styles;

/// What went wrong.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What kind of thing it is.
pub(crate) const KIND: Style = AnsiColor::Cyan.on_default().bold();
/// The name of a field.
pub(crate) const FIELD: Style = AnsiColor::Green.on_default();
/// What only helps the eye: offsets, sizes, ids.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// The colours of `ixt --help`.
pub(crate) const HELP: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Green.on_default())
    .error(ERROR);
