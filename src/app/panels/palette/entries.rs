//! What the palette finds: keys, views, statistics, colours, what is in the trace, and what the menus hold.

use super::entry::{Entry, entry, option};
use super::menus;
use crate::analysis::normalize::Normalization;
use crate::analysis::statistics;
use crate::analysis::{Direction, NamedTokens, Pick, token_sets};
use crate::app::model::arrangement::{Arrangement, PanelCommand, Preset};
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::command::Command;
use crate::app::model::help::{Help, HelpPage};
use crate::app::model::notes::{About, NotesCommand};
use crate::app::model::state::State;
use crate::app::model::tokens::TokenCommand;
use crate::app::ui::keys;
use crate::render::colormap::Colormap;
use crate::trace::{Document, Sequence};
use crate::view::{CompareView, View, joined, token_names, words};

/// Of a larger dataset the others are looked for only when something is typed.
const MOST_EXAMPLES: usize = 2000;
const FEWEST_LETTERS: usize = 2;
const MOST_FOUND: usize = 50;

/// Everything that can be done now.
pub fn all(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = keys::actions()
        .into_iter()
        .filter(|action| action.command != Command::TogglePalette)
        .map(|action| Entry { words: action.does.to_owned(), key: action.keys, command: action.command })
        .collect();
    entries.extend(View::all().into_iter().enumerate().map(|(place, view)| {
        let title = view.title().to_lowercase();
        let also = if title == view.name() { String::new() } else { format!(" ({title})") };
        let key = if place < keys::VIEW_KEYS.len() { (place + 1).to_string() } else { String::new() };
        Entry { key, ..entry(format!("show view {view}{also}"), Command::FocusView(view)) }
    }));
    entries.extend(HelpPage::ALL.map(|page| {
        entry(format!("help: {}", page.label().to_lowercase()), Command::ShowHelp(Help { page, about: None }))
    }));
    entries.extend(arrangements(state));
    let recent = state.recent.iter().filter(|recent| recent.is_there);
    entries.extend(
        recent
            .map(|recent| entry(format!("open recent {}", recent.path.display()), Command::Open(recent.path.clone()))),
    );
    entries.push(entry("first steps", Command::ToggleWelcome));
    entries.extend(
        CompareView::ALL.map(|view| entry(format!("compare two traces: {view}"), Command::SetCompareView(view))),
    );
    entries.push(entry("stop comparing", Command::EndComparison));
    entries.push(entry("show notes", Command::Notes(NotesCommand::Focus)));
    entries.push(entry("label this example", Command::Notes(NotesCommand::Begin(About::Example))));
    entries.push(entry("export notes as Markdown with pictures", Command::Notes(NotesCommand::Export)));
    entries.extend(
        state.notes.known.bookmarks().enumerate().map(|(place, bookmark)| {
            entry(format!("note: {}", bookmark.text), Command::Notes(NotesCommand::GoTo(place)))
        }),
    );
    entries.push(entry("show token atlas", Command::Tokens(TokenCommand::Focus)));
    entries.push(entry("show head atlas", Command::Dataset(DatasetCommand::FocusAtlas)));
    entries.push(entry("index this folder", Command::Dataset(DatasetCommand::Index)));
    entries.extend(statistics::TABLE.iter().map(|statistic| {
        option(state, format!("statistic {}", statistic.label), |options| {
            statistic.name.clone_into(&mut options.statistic);
            options.to = None;
        })
    }));
    entries.extend(
        Colormap::all()
            .iter()
            .map(|&map| option(state, format!("colours {map}"), |options| options.colormap = Some(map))),
    );
    entries.push(option(state, "colours of each view's own", |options| options.colormap = None));
    entries.extend(
        Normalization::ALL
            .map(|how| option(state, format!("normalize {}", how.words()), |options| options.normalization = how)),
    );
    let specials = match state.options.specials {
        true => "leave special tokens out of statistics",
        false => "count special tokens in statistics",
    };
    entries.push(option(state, specials, |options| options.specials = !options.specials));
    entries.extend(Direction::ALL.map(|direction| entry(direction.label(), Command::SetDirection(direction))));
    entries.extend(menus::all(state));
    entries.extend(of_trace(state));
    entries.extend((0..state.examples.len().min(MOST_EXAMPLES)).filter_map(|place| example(state, place)));
    entries
}

/// The examples of a large dataset whose names hold what is typed.
pub fn further_examples(state: &State, query: &str) -> Vec<Entry> {
    if query.chars().count() < FEWEST_LETTERS {
        return Vec::new();
    }
    let holds = |found: &Entry| found.words.to_lowercase().contains(query);
    let further = (MOST_EXAMPLES..state.examples.len()).filter_map(|place| example(state, place));
    further.filter(holds).take(MOST_FOUND).collect()
}

/// By its file's name and its id.
fn example(state: &State, place: usize) -> Option<Entry> {
    let name = state.examples.get(place)?.file_stem()?.to_string_lossy();
    let id = state.browsing.dataset.as_ref().map(|dataset| dataset.table.value("id", place).text());
    let id = id.filter(|id| !id.is_empty() && *id != name).map_or(String::new(), |id| format!(" · {id}"));
    Some(entry(format!("example {name}{id}"), Command::ShowExample(place)))
}

/// Of the panels: for a task, as the user has kept them.
fn arrangements(state: &State) -> Vec<Entry> {
    let arrange = |words: String, arrangement| entry(words, Command::Panels(PanelCommand::Arrange(arrangement)));
    let presets = Preset::ALL.map(|preset| match preset {
        Preset::Usual => arrange("panels: usual (reset layout)".to_owned(), Arrangement::Preset(preset)),
        preset => arrange(format!("panels: {preset}"), Arrangement::Preset(preset)),
    });
    let own = state.arranged.own.iter().map(|name| arrange(format!("panels: {name}"), Arrangement::Own(name.clone())));
    let free = (1..).map(|number| format!("panels {number}")).find(|name| !state.arranged.own.contains(name));
    let keep =
        free.map(|name| entry(format!("keep these panels as “{name}”"), Command::Panels(PanelCommand::Keep(name))));
    presets.into_iter().chain(own).chain(keep).collect()
}

/// What heads can be ranked by their attention to: what is selected where all tokens are of one sequence, regions, segments.
fn rankings(state: &State, document: &Document, sequence: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let selected = &state.selection.tokens;
    if !selected.is_empty() && state.selection.sequence(document) == Some(sequence) {
        let rank = Command::RankHeads { sequence, tokens: selected.clone() };
        entries.push(entry("rank heads by attention to the selected tokens", rank));
    }
    let mut labels: Vec<&str> = document.regions.iter().map(|region| region.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    let regions = labels.into_iter().map(NamedTokens::of_region);
    let segments = token_sets::segments(&document.sequences[sequence].tokens).into_iter().map(NamedTokens::of_segment);
    entries.extend(regions.chain(segments).map(|named| {
        option(state, format!("rank heads by attention to {}", named.words()), |options| options.to = Some(named))
    }));
    entries
}

fn pick_all(what: &str) -> [(String, Pick); 2] {
    [(format!("{what}: mean of all"), Pick::Mean), (format!("{what}: maximum of all"), Pick::Max)]
}

/// Blocks, layers, heads and tokens.
fn of_trace(state: &State) -> Vec<Entry> {
    let (Some(trace), Some(block)) = (&state.trace, state.block()) else { return Vec::new() };
    let document = trace.document();
    let mut entries = Vec::new();
    if document.attention.len() > 1 {
        let blocks = document.attention.iter().enumerate();
        entries
            .extend(blocks.map(|(place, block)| entry(format!("block {}", block.name), Command::SelectBlock(place))));
    }
    let layers = (0..block.layers).map(|layer| (format!("layer {}", block.layer_number(layer)), Pick::One(layer)));
    let layers = layers.chain(pick_all("layer"));
    entries.extend(layers.map(|(words, pick)| entry(words, Command::SelectLayer(pick))));
    let heads = (0..trace.trace.max_heads(state.selection.block)).map(|head| (format!("head {head}"), Pick::One(head)));
    let heads = heads.chain(pick_all("head"));
    entries.extend(heads.map(|(words, pick)| entry(words, Command::SelectHead(pick))));
    let (sequence, other) = match state.selection.direction {
        Direction::AttendsTo => (block.query, block.key),
        Direction::AttendedBy => (block.key, block.query),
    };
    entries.extend(rankings(state, document, other));
    entries.extend(tokens(document, sequence));
    if other != sequence {
        entries.extend(tokens(document, other));
    }
    entries
}

/// Each token by its name and position, and each word that has several pieces.
fn tokens(document: &Document, sequence: usize) -> Vec<Entry> {
    let Sequence { name: of, tokens, .. } = &document.sequences[sequence];
    let of = if document.sequences.len() > 1 { format!(" ({of})") } else { String::new() };
    let single = token_names(tokens).into_iter().enumerate().map(|(token, name)| {
        let target = crate::view::Target::Token { sequence, token };
        entry(format!("token {token}: {name}{of}"), Command::Select { target, extend: false })
    });
    let several = words(tokens).into_iter().filter(|pieces| pieces.len() > 1).map(|pieces| {
        let name = joined(pieces.clone().filter_map(|token| tokens[token].label()));
        let words = format!("word {}–{}: {name}{of}", pieces.start, pieces.end - 1);
        entry(words, Command::SelectTokens { sequence, tokens: pieces.collect(), extend: false })
    });
    single.chain(several).collect()
}
