//! What leaves the program: figures, numbers, animations, view states, and the command that draws a picture again.
//! Window and command line share it.

mod animation;
mod command_line;
mod dataset_lines;
mod figure;
mod file;
mod format;
mod name;
mod notes;
mod numbers;
mod panels;
mod view_state;

pub use animation::{Animation, Play};
pub use command_line::{Flags, render_flags, render_line, words_of};
pub use dataset_lines::{DatasetPaths, Picture, atlas_line, compare_line, tokens_line};
pub use figure::{write_drawing, write_view};
pub use file::write_png;
pub use format::{Format, UnknownFormat};
pub use name::{name_of, plain};
pub use notes::write_notes;
pub use panels::{Figure, FigurePanel, figure_line, panel_words};
pub use view_state::{ViewState, check_selection, selection_in};
