//! What the window shows: all that the panels read, and how answers of workers get into it.

use std::path::PathBuf;
use std::sync::Arc;

use glam::Vec2;

use crate::analysis::statistics;
use crate::analysis::timeline::{is_decoder, output_tokens};
use crate::analysis::{Pick, Selection, WeightKind};
use crate::app::model::arrangement::Arranged;
use crate::app::model::browsing::Browsing;
use crate::app::model::choices::{Exports, Playing, UiScale};
use crate::app::model::comparison::Comparison;
use crate::app::model::figure::FigureDraft;
use crate::app::model::help::Help;
use crate::app::model::history::History;
use crate::app::model::notes::NotesPanel;
use crate::app::model::panel::Panel;
use crate::app::model::tokens::TokenPanel;
use crate::export::check_selection;
use crate::query::{OpenTrace, Projection, Results};
use crate::trace::{Block, Document, Mask, Modality, Token};
use crate::view::{Inputs, Options, Target, View};

/// All that the panels read.
#[derive(Debug, Default)]
pub struct State {
    /// The dataset: all traces of the folder, or the one file.
    pub examples: Vec<PathBuf>,
    /// What is known of them, filtered and sorted; the head atlas.
    pub browsing: Browsing,
    /// Which of them was asked for.
    pub example: usize,
    /// The trace that is shown; the one before stays until the next is ready.
    pub trace: Option<Arc<OpenTrace>>,
    /// What is selected in it.
    pub selection: Selection,
    /// What the thing under the pointer would select.
    pub preview: Option<Selection>,
    /// The thing under the pointer.
    pub hover: Option<Target>,
    /// Whether what is under the pointer is shown as if it were selected.
    pub is_hover_previewed: bool,
    /// Whether a token under the pointer is shown as if it were selected; while Alt is held the other way round.
    pub previews_tokens: bool,
    /// How the views look.
    pub options: Options,
    /// What is known of what the views need.
    pub results: Results,
    /// Whether what is not known yet will be there in a moment: until then views go on showing the picture before.
    pub is_patient: bool,
    /// Why there is nothing to show.
    pub failure: Option<String>,
    /// Whether the file of the trace that is shown has changed since it was read.
    pub is_outdated: bool,
    /// Whether the tokens play.
    pub is_playing: bool,
    /// Whether the help is shown.
    pub shows_help: bool,
    /// What of it.
    pub help: Help,
    /// What a newcomer is told, while it is shown.
    pub welcome: Welcome,
    /// What was open before, the newest first.
    pub recent: Vec<Recent>,
    /// How the panels stand.
    pub arranged: Arranged,
    /// Counts the changes, so that views know when to draw anew.
    pub version: u64,
    /// The hidden states in the plane; those of the state before stay until the next are ready.
    pub projection: Option<Arc<Projection>>,
    /// The same on the way from one state's places to the next one's.
    pub moving: Option<Arc<Projection>>,
    /// How far the projection is that is being computed, from 0 to 1, once it takes its time.
    pub projecting: Option<f32>,
    /// What is typed into the command palette while it is shown.
    pub palette: Option<CommandPalette>,
    /// The selections before.
    pub history: History,
    /// The views in front, in the order of their panels.
    pub shown_views: Vec<View>,
    /// The panel whose picture has the keyboard's focus.
    pub focused_panel: Option<Panel>,
    /// What plays, and how.
    pub playing: Playing,
    /// How views are exported.
    pub exports: Exports,
    /// The figure of several panels that is being put together.
    pub figure: FigureDraft,
    /// Size of the window's controls and views.
    pub ui_scale: UiScale,
    /// What the shown trace is compared with.
    pub comparison: Comparison,
    /// What was written down beside the dataset.
    pub notes: NotesPanel,
    /// The token atlas.
    pub tokens: TokenPanel,
    /// A token that is to be selected once its trace is shown: the file, the sequence and the place there.
    pub awaited_token: Option<(PathBuf, String, usize)>,
}

/// What a newcomer is told.
#[derive(Debug, Default)]
pub struct Welcome {
    /// Whether it is shown.
    pub is_shown: bool,
    /// The demo, where there is one.
    pub demo: Option<PathBuf>,
}

/// A trace or folder that was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was there when it was last looked for.
    pub is_there: bool,
}

/// The command palette.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandPalette {
    /// As typed.
    pub query: String,
    /// Which of the commands found is chosen.
    pub chosen: usize,
}

impl State {
    /// A trace was read. The selection goes on as far as the trace has the same block, heads and tokens. Of another model than the one
    /// before, which view is to be seen first, if not the ones that are.
    pub fn set_trace(&mut self, trace: Arc<OpenTrace>) -> Option<View> {
        let document = trace.document();
        let is_alike = self.trace.as_ref().is_some_and(|before| are_alike(before.document(), document));
        let first_view = first_view(document).filter(|_| !is_alike);
        self.history.clear();
        if is_alike {
            let tokens = self.tokens_to_select(document);
            self.selection.tokens.retain(|&token| token < tokens);
        }
        if is_alike && self.selection.weights.check(&trace.trace, self.selection.block).is_err() {
            self.selection.weights = WeightKind::Raw;
        }
        if !is_alike || check_selection(&trace.trace, &self.selection).is_err() {
            self.selection = first_selection(&trace);
            self.options.matrix_window = None;
            self.options.image_window = None;
            self.options.embedding_view = None;
            self.options.joint_view = None;
            self.options.hidden_state = None;
        }
        self.trace = Some(trace);
        self.keep_pins();
        self.label_heads();
        self.results = Results::default();
        self.projection = None;
        self.moving = None;
        self.failure = None;
        self.is_outdated = false;
        self.keep_statistic();
        self.select_awaited_token();
        self.set_preview(None);
        self.version += 1;
        first_view
    }

    /// After a failure: whether it is that the file has changed.
    pub fn find_out_about_the_file(&mut self) {
        self.is_outdated = self.trace.as_ref().is_some_and(|open| open.trace.check_unchanged().is_err());
    }

    /// What a view of that size is drawn of; `None` while nothing is open.
    pub fn inputs(&self, size: Vec2) -> Option<Inputs<'_>> {
        let inputs = Inputs::new(self.trace.as_deref()?, &self.selection, &self.options, &self.results, size);
        Some(Inputs { shown: self.shown_selection(), hover: self.hover, moving: self.moving.as_deref(), ..inputs })
    }

    /// The trace that was asked for cannot be shown; the one before stays.
    pub fn fail(&mut self, why: String) {
        self.failure = Some(why);
        self.version += 1;
    }

    /// The selection that is shown: the preview where there is one.
    pub fn shown_selection(&self) -> &Selection {
        self.preview.as_ref().unwrap_or(&self.selection)
    }

    /// The block of the selection.
    pub fn block(&self) -> Option<&Block> {
        self.trace.as_ref()?.document().attention.get(self.selection.block)
    }

    /// Another statistic where the block has nothing that this one is about, or where it is the same in every head.
    pub(in crate::app) fn keep_statistic(&mut self) {
        let Some(trace) = &self.trace else { return };
        let (document, block) = (trace.document(), self.selection.block);
        let (name, specials) = (&self.options.statistic, self.options.specials);
        if !statistics::applies(name, document, block) || statistics::is_constant(name, document, block, specials) {
            self.options.statistic = statistics::first_choice(document, block).to_owned();
        }
    }

    /// The output tokens, where the block's queries hold any.
    pub fn output_tokens(&self) -> Vec<usize> {
        let (Some(trace), Some(block)) = (&self.trace, self.block()) else { return Vec::new() };
        output_tokens(trace.document(), block)
    }

    /// How many tokens there are where the selected ones are.
    pub(in crate::app) fn tokens_to_select(&self, document: &Document) -> usize {
        self.selection.sequence(document).map_or(0, |sequence| document.sequences[sequence].tokens.len())
    }
}

/// Whether two traces come from the same model and task, so that a selection means the same in both.
fn are_alike(before: &Document, after: &Document) -> bool {
    before.model == after.model
        && before.attention.len() == after.attention.len()
        && before
            .attention
            .iter()
            .zip(&after.attention)
            .all(|(a, b)| a.name == b.name && a.layers == b.layers && a.numbers == b.numbers)
}

/// What a newcomer is shown first: an encoder-decoder's attention from what it writes to what it reads, else the first block.
fn first_selection(open: &OpenTrace) -> Selection {
    let document = open.document();
    let crosses = |block: &Block| block.query != block.key && is_decoder(document, block);
    let to_image = |block: &&Block| document.key_tokens(block).iter().any(|token| token.modality() == Modality::Image);
    let crossing = || document.attention.iter().filter(|block| crosses(block));
    let chosen = crossing().find(to_image).or_else(|| crossing().next());
    let block = chosen.and_then(|chosen| document.attention.iter().position(|block| std::ptr::eq(block, chosen)));
    first_of_block(open, block.unwrap_or(0))
}

/// Of an image encoder, whose tokens are patches and special ones: what its heads look at.
fn first_view(document: &Document) -> Option<View> {
    let sees_only_images = |block: &Block| {
        let said = document.key_tokens(block).iter().filter(|token| !token.special);
        let mut modalities = said.map(Token::modality).peekable();
        modalities.peek().is_some() && modalities.all(|modality| modality == Modality::Image)
    };
    let is_encoder = |block: &Block| block.query == block.key && sees_only_images(block);
    (!document.attention.is_empty() && document.attention.iter().all(is_encoder)).then_some(View::Overlays)
}

/// The last layer that has heads, and their mean, for the first output token: what a decoder wrote first, the token of which a
/// classifier reads its answer. Without one the first query, or, where that sees itself alone, the last of all.
pub(in crate::app) fn first_of_block(open: &OpenTrace, index: usize) -> Selection {
    let document = open.document();
    let block = document.attention.get(index);
    let layers = block.map_or(0, |block| block.layers);
    let with_heads = (0..layers).rev().find(|&layer| open.trace.heads(index, layer) > 0);
    let token = block.map_or(0, |block| {
        let last = document.query_tokens(block).len().saturating_sub(1);
        let keys = document.key_tokens(block).len();
        let sees_itself_alone = |mask: &Mask| mask.run(0, keys).is_some_and(|run| run.end <= 1);
        let is_alone = block.query == block.key && block.masks.iter().all(sees_itself_alone);
        let without = if is_alone { last } else { 0 };
        output_tokens(document, block).first().copied().unwrap_or(without)
    });
    Selection {
        block: index,
        layer: Pick::One(with_heads.unwrap_or(0)),
        head: Pick::Mean,
        tokens: vec![token],
        ..Selection::default()
    }
}
