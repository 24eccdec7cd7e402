//! What the palette finds: keys, views, statistics, colours, what is in the trace, and what the menus hold.

use std::path::PathBuf;

use super::entry::{Entry, entry, option};
use super::menus;
use crate::analysis::normalize::Normalization;
use crate::analysis::statistics;
use crate::analysis::{Direction, NamedTokens, Pick, token_sets};
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::command::Command;
use crate::app::model::notes::{About, NotesCommand};
use crate::app::model::state::State;
use crate::app::model::tokens::TokenCommand;
use crate::app::ui::keys;
use crate::render::colormap::Colormap;
use crate::trace::Document;
use crate::view::{CompareView, View, token_names};

/// Of a larger dataset the browser's filter finds the others.
const MOST_EXAMPLES: usize = 2000;

/// Everything that can be done now.
pub fn all(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = keys::shortcuts()
        .into_iter()
        .filter(|shortcut| !shortcut.does.is_empty())
        .filter(|shortcut| !matches!(shortcut.command, Command::TogglePalette | Command::FocusView(_)))
        .map(|shortcut| Entry { words: shortcut.does.to_owned(), key: shortcut.shown, command: shortcut.command })
        .collect();
    entries.extend(View::all().map(|view| entry(format!("show view {view}"), Command::FocusView(view))));
    entries.push(entry("reset layout: put the panels back", Command::ResetLayout));
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
    let name = |example: &PathBuf| example.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    entries.extend(state.examples.iter().enumerate().take(MOST_EXAMPLES).filter_map(|(place, example)| {
        Some(entry(format!("example {}", name(example)?), Command::ShowExample(place)))
    }));
    entries
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
    let names = token_names(&document.sequences[sequence].tokens);
    entries.extend(names.into_iter().enumerate().map(|(token, name)| {
        let target = crate::view::Target::Token { sequence, token };
        entry(format!("token {token}: {name}"), Command::Select { target, extend: false })
    }));
    entries
}
