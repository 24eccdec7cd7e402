//! What can be asked of the window. Panels emit commands, [`State::apply`](super::state::State::apply) alone carries
//! them out.

use std::path::PathBuf;

use crate::analysis::{Direction, Pick, Selection};
use crate::app::model::arrangement::PanelCommand;
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::choices::{Export, Exports, Playing};
use crate::app::model::figure::FigureCommand;
use crate::app::model::help::Help;
use crate::app::model::notes::NotesCommand;
use crate::app::model::panel::Panel;
use crate::app::model::pins::PinCommand;
use crate::app::model::tokens::TokenCommand;
use crate::render::Rect;
use crate::view::{CompareView, Options, Target, View};

/// One wish of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Open a trace or a folder of traces.
    Open(PathBuf),
    /// Let the user choose a trace by the system's dialog.
    ChooseFile,
    /// Show this example of the dataset.
    ShowExample(usize),
    /// Read the example that is shown anew.
    Reload,
    /// Go this many examples forward, or back.
    StepExample(isize),
    /// Select exactly this.
    SetSelection(Selection),
    /// Choose an attention block.
    SelectBlock(usize),
    /// Choose a layer, or the mean of all.
    SelectLayer(Pick),
    /// Choose a head, or the mean of all.
    SelectHead(Pick),
    /// Move over the layers × heads; stops at the edges.
    MoveHead {
        /// Down is positive.
        layers: isize,
        /// Right is positive.
        heads: isize,
    },
    /// What lies under a click becomes the selection, or is added to it.
    Select {
        /// What was clicked.
        target: Target,
        /// Added to the selection, or taken out of it if it was in it.
        extend: bool,
    },
    /// Show for the moment what a click on this would select.
    Preview(Option<Target>),
    /// This is under the pointer: it is marked in all views, which go on showing what is selected.
    Point(Option<Target>),
    /// Whether a token under the pointer is shown as if it were selected; while Alt is held the other way round.
    PreviewTokens(bool),
    /// Select no token.
    ClearTokens,
    /// Select the next token, or the one before; wraps around.
    StepToken(isize),
    /// Which side of the matrix the tokens are on.
    SetDirection(Direction),
    /// Change how the views look.
    SetOptions(Box<Options>),
    /// Show this part of the matrix, in cells, or of the pictures, in fractions of what they take; `None` is all of it.
    ZoomTo(View, Option<Rect>),
    /// Show so many steps less, or more, of the matrix, the pictures, the hidden states or the token atlas.
    Zoom(isize),
    /// Move what they show: by steps to the right and down.
    Pan([f32; 2]),
    /// Show all of it.
    ShowAll,
    /// The panel whose picture has the keyboard's focus.
    NotePanel(Option<Panel>),
    /// Bring the keyboard's focus so many panels further.
    StepPanel(isize),
    /// Go through the tokens by itself, or stop.
    TogglePlay,
    /// Save a picture of the window.
    Screenshot,
    /// Show the help, or hide it.
    ToggleHelp,
    /// Show this of the help.
    ShowHelp(Help),
    /// Show what a newcomer has to know, or hide it.
    ToggleWelcome,
    /// Show what answers one of the newcomer's questions, by its place.
    ShowGuide(usize),
    /// Between dark and light.
    ToggleTheme,
    /// Bring the panel of a view to the front.
    FocusView(View),
    /// Arrange the panels.
    Panels(PanelCommand),
    /// Close what lies on top: the list of keys, or the selection of tokens.
    Escape,
    /// Close the window.
    Quit,
    /// Go back to the selection before.
    Undo,
    /// Take back the last undo.
    Redo,
    /// Show the command palette, or hide it.
    TogglePalette,
    /// What is typed into the palette, and which row is chosen.
    SearchPalette {
        /// As typed.
        query: String,
        /// 0 is the first one found.
        chosen: usize,
    },
    /// Add the next token to the selection, or the one before.
    ExtendTokens(isize),
    /// Between 'attends to' and 'attended by'.
    ToggleDirection,
    /// Show the next statistic, or the one before.
    StepStatistic(isize),
    /// Select these tokens of a sequence of the current block.
    SelectTokens {
        /// Index in [`Document::sequences`](crate::trace::Document::sequences).
        sequence: usize,
        /// Which of it.
        tokens: Vec<usize>,
        /// Beside those that are selected already, not instead of them.
        extend: bool,
    },
    /// Colour and rank heads by how much of the selected tokens' attention goes to these; where they are on the side of the
    /// selected ones, by how much of theirs goes there.
    RankHeads {
        /// Index in [`Document::sequences`](crate::trace::Document::sequences).
        sequence: usize,
        /// Which of it.
        tokens: Vec<usize>,
    },
    /// The views in front now: what only the others show need not be known.
    ShowViews(Vec<View>),
    /// Select the next output token, or the one before; wraps around.
    StepOutput(isize),
    /// Give up the projection that is being computed: show the principal components instead.
    CancelProjection,
    /// What plays, how fast, and whether it begins again at its end.
    SetPlaying(Playing),
    /// Show the next of what plays.
    StepPlay,
    /// Save or copy a view.
    Export(View, Export),
    /// Save or copy the picture of a panel that shows no view of one trace.
    ExportPanel(Panel, Export),
    /// How views are exported.
    SetExports(Exports),
    /// Copy the `vlscope render` line that draws a view, or the window.
    CopyCommand(Option<View>),
    /// Copy the line that draws what a panel shows that shows no view of one trace.
    CopyPanelCommand(Panel),
    /// Change the figure of several panels, or write it.
    Figure(FigureCommand),
    /// Show a folder in the system's program for files.
    OpenFolder(PathBuf),
    /// Save what is shown as a view state.
    SaveState,
    /// Let the user choose a view state by the system's dialog.
    ChooseState,
    /// Show what this view state says.
    LoadState(PathBuf),
    /// Make the window's controls larger or smaller by so many steps.
    StepUiScale(isize),
    /// Size of the window's controls and views; 1 is the system's.
    SetUiScale(f32),
    /// Filter, sort or index the dataset, or change the head atlas.
    Dataset(DatasetCommand),
    /// Compare what is shown, now and later, with this example; `None` is the one that is shown now.
    CompareWith(Option<usize>),
    /// Compare with nothing any more.
    EndComparison,
    /// Show this view of both traces.
    SetCompareView(CompareView),
    /// Write something down, or go to what was.
    Notes(NotesCommand),
    /// Pin something, or go to a pin.
    Pin(PinCommand),
    /// Change the token atlas, or open one of its tokens.
    Tokens(TokenCommand),
}
