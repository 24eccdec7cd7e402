//! What the reducer cannot do by itself.

use std::path::PathBuf;

use crate::app::model::arrangement::PanelCommand;
use crate::app::model::choices::Export;
use crate::app::model::notes::NotesEffect;
use crate::app::model::panel::Panel;
use crate::export::Format;
use crate::view::View;

/// What the reducer cannot do by itself: it touches the world outside of the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Find the traces of this path and show the first.
    Open(PathBuf),
    /// Show the system's dialog.
    ChooseFile,
    /// Read this trace.
    Load(PathBuf),
    /// Save the next frame.
    Screenshot,
    /// Bring a view's panel to the front.
    FocusView(View),
    /// Bring the two traces to the front.
    FocusComparison,
    /// Bring the token atlas to the front.
    FocusTokens,
    /// Bring the keyboard's focus so many panels further.
    StepPanel(isize),
    /// Arrange the panels.
    Panels(PanelCommand),
    /// The newcomer's card was closed, or shown again.
    Welcomed,
    /// Show what answers one of the newcomer's questions.
    ShowGuide(usize),
    /// Close the window.
    Quit,
    /// Save or copy a view.
    Export(View, Export),
    /// Save or copy a panel's picture.
    ExportPanel(Panel, Export),
    /// Copy the line that draws a view, or the window.
    CopyCommand(Option<View>),
    /// Copy the line that draws what a panel shows.
    CopyPanelCommand(Panel),
    /// What a view shows becomes a panel of the figure.
    AddToFigure(View),
    /// Write the figure.
    SaveFigure(Format),
    /// Copy the line that draws the figure.
    CopyFigureCommand,
    /// Show a folder in the system's program for files.
    OpenFolder(PathBuf),
    /// Save a view state.
    SaveState,
    /// Show the system's dialog for a view state.
    ChooseState,
    /// Read this view state.
    LoadState(PathBuf),
    /// Of the notes.
    Notes(NotesEffect),
    /// Of the dataset.
    Dataset(DatasetEffect),
}

/// The same, of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetEffect {
    /// Bring the browser's panel to the front.
    ShowBrowser,
    /// Bring the atlas's panel to the front.
    ShowAtlas,
    /// Begin to index.
    Index,
    /// Stop indexing.
    CancelIndexing,
}
