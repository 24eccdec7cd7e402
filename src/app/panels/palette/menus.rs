//! What the menus of the panels hold, for the palette: each entry by the words of its menu, after what it is about.

use glam::Vec2;

use super::entry::{Entry, choices, entry, option, selection};
use crate::analysis::neighbours::Metric;
use crate::analysis::statistics;
use crate::analysis::{Combine, SinkTreatment};
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::choices::{Exports, Playing, UI_SCALES};
use crate::app::model::command::Command;
use crate::app::model::figure::FigureCommand;
use crate::app::model::panel::Panel;
use crate::app::model::pins::PinCommand;
use crate::app::model::state::State;
use crate::app::model::tokens::TokenCommand;
use crate::app::panels::browser::columns;
use crate::app::panels::heads::STRONGEST;
use crate::app::panels::{aggregation, export_menu, top_bar};
use crate::export::Play;
use crate::render::Keep;
use crate::view::{Options, Target, Theme, TokenColor, View, statistic_grid};

/// All of them.
pub fn all(state: &State) -> Vec<Entry> {
    [exports(state), weights(state), heads(state), embedding(state), views(state), window(state), dataset(state)]
        .concat()
}

/// Of each panel: its pictures, its numbers, the command that draws it.
fn exports(state: &State) -> Vec<Entry> {
    let mut entries = Vec::new();
    for panel in Panel::all() {
        let title = panel.title();
        let words = |name: &str| format!("export {title}: {name}");
        match panel.view() {
            Some(view) => {
                let offered = export_menu::offered(state.playing.play);
                entries.extend(offered.map(|(name, export)| entry(words(&name), Command::Export(view, export))));
                entries.push(entry(words("Copy command"), Command::CopyCommand(Some(view))));
                entries.push(entry(words("Add to figure"), Command::Figure(FigureCommand::Add(view))));
            }
            None if matches!(panel, Panel::Examples | Panel::Notes) => {}
            None => entries.extend(
                export_menu::PICTURES.map(|(name, export)| entry(words(name), Command::ExportPanel(panel, export))),
            ),
        }
    }
    entries.push(entry("Figure of several panels", Command::Figure(FigureCommand::Show(true))));
    let now = state.exports;
    entries.extend(
        export_menu::SCALES
            .map(|scale| entry(format!("export: scale {scale}×"), Command::SetExports(Exports { scale, ..now }))),
    );
    entries.extend(
        Theme::ALL.map(|theme| {
            entry(format!("export: theme {}", theme.name()), Command::SetExports(Exports { theme, ..now }))
        }),
    );
    let asks = Exports { asks: !now.asks, ..now };
    entries.push(entry(switch("export: ask where", now.asks), Command::SetExports(asks)));
    let caption = Exports { caption: !now.caption, ..now };
    entries.push(entry(switch("export: caption beneath", now.caption), Command::SetExports(caption)));
    entries.push(toggle(state, "export: colour bar", |options| &mut options.colour_bar));
    entries
}

/// Which weights, sets of tokens and how they combine, attention sinks.
fn weights(state: &State) -> Vec<Entry> {
    let mut entries = vec![entry("select no token", Command::ClearTokens)];
    entries.extend(aggregation::token_sets_of(state).into_iter().filter(|set| !set.tokens.is_empty()).map(|set| {
        let select = Command::SelectTokens { sequence: set.sequence, tokens: set.tokens, extend: false };
        entry(format!("select: {}", set.name), select)
    }));
    let combine = |combine: Combine| selection(state, combine.label(), |selection| selection.combine = combine);
    entries.extend(Combine::ALL.map(combine));
    if let Some(open) = &state.trace {
        let kinds = aggregation::kinds_of(state).into_iter().filter(|kind| kind.lacks.is_none());
        entries.extend(kinds.map(|kind| {
            let chosen = state.selection.with_weights(open.document(), kind.weights);
            entry(format!("weights: {}", kind.name), Command::SetSelection(chosen))
        }));
    }
    let sinks = |sinks: SinkTreatment| selection(state, format!("sinks: {sinks}"), |selection| selection.sinks = sinks);
    entries.extend(SinkTreatment::ALL.map(sinks));
    entries
        .push(selection(state, "usual thresholds of sinks", |selection| selection.sink_criteria = Default::default()));
    entries
}

/// What statistics are compared with and how heads are sorted; the strongest ones.
fn heads(state: &State) -> Vec<Entry> {
    let mut entries = vec![option(state, "z-score: raw", |options| options.z_score = None)];
    entries.extend(choices(state, |name| format!("z-score: {name}"), |options, over| options.z_score = Some(over)));
    entries.extend(choices(
        state,
        |name| format!("order of the heads: {name}"),
        |options, order| {
            options.heads_order = order;
        },
    ));
    entries.push(option(state, "heads: show all heads, without a filter", |options| options.heads_filter = None));
    let pooled = |name: &str| format!("thumbnails: {name} of the pooled weights");
    entries.extend(choices(state, pooled, |options, pooling| options.pooling = pooling));
    entries.push(toggle(state, "thumbnails: own scale", |options| &mut options.thumbnails_own_scale));
    entries.push(toggle(state, "heads on image: own scale", |options| &mut options.overlays_own_scale));
    entries.push(toggle(state, "all heads on image: own scale", |options| &mut options.lattice_own_scale));
    if let Some((statistic, _)) = state.inputs(Vec2::ZERO).map(|inputs| statistic_grid(&inputs)) {
        let strongest = statistics::strongest(&statistic.values, statistic.heads, STRONGEST);
        entries.extend(strongest.into_iter().map(|(layer, head, value)| {
            let select = Command::Select { target: Target::Head { layer, head }, extend: false };
            entry(format!("strongest: layer {} · head {head}: {value:.4}", statistic.layer_number(layer)), select)
        }));
    }
    entries
}

/// How hidden states get to the plane, and what points look like.
fn embedding(state: &State) -> Vec<Entry> {
    let mut entries =
        choices(state, |name| format!("projection {name}"), |options, method| options.embedding.recipe.method = method);
    let words = |name: &str| format!("hidden states: {name}");
    entries.extend(choices(state, words, |options, align| options.embedding.recipe.align = align));
    let colour = |name: &str| format!("hidden states: colour by {name}");
    entries.extend(choices(state, colour, |options, color_by| options.embedding.color_by = color_by));
    entries.extend(choices(state, words, |options, size_by| options.embedding.size_by = size_by));
    let metrics = std::iter::once(None).chain(Metric::ALL.map(Some));
    entries.extend(metrics.map(|metric| {
        let name = metric.map_or("none", Metric::name);
        option(state, format!("nearest tokens of the selection: {name}"), |options| {
            options.embedding.neighbours = metric;
        })
    }));
    let has_trajectories = state.options.embedding.trajectories;
    entries.push(option(
        state,
        switch("hidden states: trajectories of selected tokens", has_trajectories),
        |options| {
            options.embedding.show_trajectories(!has_trajectories);
        },
    ));
    entries.push(toggle(state, "hidden states: patches as pictures", |options| &mut options.embedding.pictures));
    entries.push(toggle(state, "hidden states: lasso: drag around points", |options| &mut options.embedding.lasso));
    entries.push(option(state, "hidden states: state follows the layer", |options| options.hidden_state = None));
    let states = 0..state.projection.as_ref().map_or(0, |projection| projection.states);
    entries.extend(
        states
            .map(|shown| option(state, format!("hidden state {shown}"), |options| options.hidden_state = Some(shown))),
    );
    entries
}

/// Image, text, timeline, matrix and links.
fn views(state: &State) -> Vec<Entry> {
    let mut entries = vec![
        toggle(state, "image: fade out where there is little", |options| &mut options.fade),
        toggle(state, "image: contours", |options| &mut options.contours),
        toggle(state, "image: smooth", |options| &mut options.smooth),
        toggle(state, "text: whole words", |options| &mut options.join_pieces),
        toggle(state, "colours: lock scale", |options| &mut options.lock_scale),
        option(state, switch("colours: fixed range", state.options.range.is_some()), |options| {
            options.range = options.range.is_none().then_some(Options::FIXED_RANGE);
        }),
        entry("matrix: show all", Command::ZoomTo(View::Matrix, None)),
        entry("image: show all", Command::ZoomTo(View::Image, None)),
        option(state, "all heads on image: show all", |options| options.lattice_view = None),
        option(state, "hidden states: show all", |options| options.embedding_view = None),
        option(state, "links: strongest", |options| options.links = Keep::Strongest(200)),
        option(state, "links: at least", |options| options.links = Keep::AtLeast(0.05)),
        toggle(state, "links: selected only", |options| &mut options.links_of_selection),
        toggle(state, "links: bundle by region", |options| &mut options.links_bundle),
    ];
    entries.extend(choices(state, |name| format!("pins: compare as {name}"), |options, shown| options.pins_as = shown));
    entries.push(entry("clear pins: take all away", Command::Pin(PinCommand::Clear)));
    entries.extend(choices(state, |name| format!("image: {name}"), |options, tiles| options.tiles = tiles));
    entries.extend(choices(
        state,
        |name| format!("timeline: mass on {name}"),
        |options, group| {
            options.timeline_group = group;
        },
    ));
    entries.extend(choices(
        state,
        |name| format!("matrix: {name}"),
        |options, block| {
            (options.matrix_block, options.matrix_window) = (block, None);
        },
    ));
    entries.extend(choices(
        state,
        |name| format!("links: colours {name}"),
        |options, color| {
            options.links_color = color;
        },
    ));
    entries
}

/// What plays, and sizes.
fn window(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Play::ALL
        .map(|play| {
            let playing = Playing { play, ..state.playing };
            entry(format!("play through {}", play.name()), Command::SetPlaying(playing))
        })
        .into();
    let loops = state.playing.loops;
    let other = Playing { loops: !loops, ..state.playing };
    entries.push(entry(switch("play: begin again at the end", loops), Command::SetPlaying(other)));
    let previews = state.previews_tokens;
    entries.push(entry(switch("preview tokens under the pointer", previews), Command::PreviewTokens(!previews)));
    let percent = |scale: f32| format!("{:.0} %", scale * 100.0);
    entries.extend(
        // A key has the usual one.
        UI_SCALES
            .into_iter()
            .filter(|scale| *scale != 1.0)
            .map(|scale| entry(format!("size of everything {}", percent(scale)), Command::SetUiScale(scale))),
    );
    entries.extend(top_bar::FONT_SCALES.map(|scale| {
        option(state, format!("letters in the views {}", percent(scale)), |options| options.font_scale = scale)
    }));
    entries
}

/// Columns of the browser, the head atlas and the token atlas.
fn dataset(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = TokenColor::ALL
        .map(|color| entry(format!("token atlas: colour by {color}"), Command::Tokens(TokenCommand::SetColor(color))))
        .into();
    let lasso = state.tokens.lasso;
    entries.push(entry(switch("token atlas: lasso", lasso), Command::Tokens(TokenCommand::SetLasso(!lasso))));
    entries.push(entry("token atlas: show all", Command::Tokens(TokenCommand::SetView(None))));
    let columns = columns::offered_columns(&state.browsing);
    entries.extend(columns.into_iter().map(|(name, is_shown)| {
        let words = switch(&format!("column {}", columns::short_title(&name)), is_shown);
        entry(words, Command::Dataset(DatasetCommand::ToggleColumn(name)))
    }));
    let atlas = &state.browsing.atlas.choice;
    entries.extend(state.browsing.groups().into_iter().map(|groups| {
        let choice = atlas.comparing(groups.a, groups.b);
        let words = format!("head atlas: compare {}", groups.label);
        entry(words, Command::Dataset(DatasetCommand::SetAtlas(Box::new(choice))))
    }));
    let choice = atlas.of_one_group();
    entries.push(entry("head atlas: one group", Command::Dataset(DatasetCommand::SetAtlas(Box::new(choice)))));
    entries
}

/// What can be on or off, with what choosing it does.
fn switch(words: &str, is_on: bool) -> String {
    format!("{words}: {}", if is_on { "off" } else { "on" })
}

fn toggle(state: &State, words: &str, field: impl Fn(&mut Options) -> &mut bool) -> Entry {
    let mut options = state.options.clone();
    let value = field(&mut options);
    let words = switch(words, *value);
    *value = !*value;
    entry(words, Command::SetOptions(Box::new(options)))
}
