//! Where the panels stand.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};

use crate::app::model::arrangement::Preset;
use crate::app::model::panel::Panel;
use crate::view::View;

/// Where the panels stand. The user rearranges them by dragging their tabs.
pub type Layout = Tree<Panel>;

/// By which egui knows the layout.
pub fn layout_id() -> egui::Id {
    egui::Id::unique("panels")
}

/// A group of panels at one place, the first in front, and its share of its column's height.
type Group = (&'static [Panel], f32);

/// The columns of an arrangement from left to right, each with its share of the window's width. A panel that has no place of its
/// own is a tab beside the matrix.
fn columns(preset: Preset) -> Vec<(Vec<Group>, f32)> {
    use Panel::{Atlas, Compare, Examples, Notes, Tokens};
    const HEADS: Panel = Panel::View(View::Heads);
    const IMAGE: Panel = Panel::View(View::Image);
    const TEXT: Panel = Panel::View(View::Text);
    const MATRIX: Panel = Panel::View(View::Matrix);
    const LINKS: Panel = Panel::View(View::Links);
    const STATES: Panel = Panel::View(View::Embedding);
    const QUERIES_AND_KEYS: Panel = Panel::View(View::Joint);
    const THUMBNAILS: Panel = Panel::View(View::Thumbnails);
    const OVERLAYS: Panel = Panel::View(View::Overlays);
    const LATTICE: Panel = Panel::View(View::Lattice);
    const PINS: Panel = Panel::View(View::Pins);
    const TIMELINE: Panel = Panel::View(View::Timeline);
    const SIMILARITY: Panel = Panel::View(View::Similarity);
    const WORDS: Panel = Panel::View(View::Lens);
    match preset {
        Preset::Usual => vec![
            (vec![(&[Examples, Tokens, Notes], 0.42), (&[HEADS, THUMBNAILS, Atlas], 0.58)], 0.27),
            (vec![(&[IMAGE, OVERLAYS, LATTICE, LINKS, PINS, Compare], 0.72), (&[TEXT, TIMELINE], 0.28)], 0.44),
            (vec![(&[MATRIX, SIMILARITY, WORDS], 0.5), (&[STATES], 0.5)], 0.29),
        ],
        Preset::Attention => vec![
            (vec![(&[HEADS, OVERLAYS, THUMBNAILS, Examples, Atlas, Tokens], 1.0)], 0.24),
            (vec![(&[IMAGE, LINKS, PINS, Compare], 0.74), (&[TEXT, TIMELINE], 0.26)], 0.4),
            (vec![(&[MATRIX, QUERIES_AND_KEYS, STATES, SIMILARITY], 1.0)], 0.36),
        ],
        Preset::Generation => vec![
            (vec![(&[IMAGE, LINKS, OVERLAYS, Compare], 0.66), (&[TEXT], 0.34)], 0.42),
            (vec![(&[TIMELINE], 0.5), (&[WORDS, HEADS, MATRIX, Examples], 0.5)], 0.58),
        ],
        Preset::HiddenStates => vec![
            (vec![(&[STATES, Tokens], 1.0)], 0.5),
            (vec![(&[SIMILARITY, IMAGE], 0.5), (&[WORDS, TEXT, HEADS, MATRIX, Examples], 0.5)], 0.5),
        ],
        Preset::Dataset => vec![
            (vec![(&[Examples, Notes], 1.0)], 0.38),
            (vec![(&[Atlas, HEADS], 0.6), (&[Tokens, STATES], 0.4)], 0.34),
            (vec![(&[IMAGE, LINKS, Compare], 0.64), (&[TEXT, TIMELINE, MATRIX], 0.36)], 0.28),
        ],
        Preset::Heads => vec![
            (vec![(&[HEADS, Atlas], 0.62), (&[TEXT, TIMELINE, Examples], 0.38)], 0.36),
            (vec![(&[OVERLAYS, LATTICE, IMAGE, LINKS, PINS, Compare], 0.56), (&[THUMBNAILS, MATRIX], 0.44)], 0.64),
        ],
    }
}

/// The panels as a task wants them.
pub fn layout_for(preset: Preset) -> Layout {
    let grown = |(panels, share): Group| (panels.to_vec(), share);
    let columns = columns(preset).into_iter();
    let mut columns: Vec<(Vec<_>, f32)> =
        columns.map(|(groups, share)| (groups.into_iter().map(grown).collect(), share)).collect();
    let placed: Vec<Panel> =
        columns.iter().flat_map(|(groups, _)| groups).flat_map(|(panels, _)| panels).copied().collect();
    let mut groups = columns.iter_mut().flat_map(|(groups, _)| groups);
    if let Some((panels, _)) = groups.find(|(panels, _)| panels.contains(&Panel::View(View::Matrix))) {
        panels.extend(Panel::all().filter(|panel| !placed.contains(panel)));
    }
    let mut tiles = Tiles::default();
    let columns: Vec<_> = columns.iter().map(|(groups, share)| (column(&mut tiles, groups), *share)).collect();
    let root = linear(&mut tiles, LinearDir::Horizontal, &columns);
    Tree::new(layout_id(), root, tiles)
}

/// One panel of a layout alone.
pub fn maximised(layout: &Layout, panel: Panel) -> Layout {
    let mut tiles = Tiles::default();
    let tile = layout.tiles.find_pane(&panel);
    let tile = match tile {
        // By the same number egui finds what it remembers of the panel.
        Some(tile) => {
            tiles.insert(tile, Tile::Pane(panel));
            tile
        }
        None => tiles.insert_pane(panel),
    };
    let root = tiles.insert_tab_tile(vec![tile]);
    Tree::new(layout_id(), root, tiles)
}

/// A layout from a file, if it can be shown: panels, each once, in containers that hold each other without a circle.
pub fn sound(mut layout: Layout) -> Option<Layout> {
    let mut known = Vec::new();
    let mut open = vec![layout.root?];
    while let Some(tile) = open.pop() {
        if known.contains(&tile) || !layout.is_visible(tile) {
            return None;
        }
        known.push(tile);
        let Tile::Container(container) = layout.tiles.get(tile)? else { continue };
        if let Container::Linear(linear) = container
            && !linear.shares.iter().all(|(_, share)| share.is_finite() && *share >= 0.0)
        {
            return None;
        }
        open.extend(container.children());
    }
    let panels: Vec<Panel> = panes(&layout).map(|(_, panel)| panel).collect();
    let is_once = |panel: &Panel| panels.iter().filter(|other| *other == panel).count() == 1;
    let is_whole = known.len() == layout.tiles.len() && !panels.is_empty() && panels.iter().all(is_once);
    layout.set_height(f32::INFINITY);
    layout.set_width(f32::INFINITY);
    layout.tiles.recompute_next_tile_id();
    (is_whole && layout.id() == layout_id()).then_some(layout)
}

/// A layout of an earlier version, with what it lacks: each new panel as a tab beside the one that it stands beside by default.
pub fn completed(mut layout: Layout) -> Layout {
    let known: Vec<Panel> = panes(&layout).map(|(_, panel)| panel).collect();
    let default = layout_for(Preset::Usual);
    for (tile, panel) in panes(&default).filter(|(_, panel)| !known.contains(panel)) {
        let siblings = default.tiles.parent_of(tile).map(|tabs| children(&default, tabs)).unwrap_or_default();
        let neighbours: Vec<Panel> =
            siblings.iter().filter_map(|sibling| default.tiles.get_pane(sibling)).copied().collect();
        let beside = panes(&layout).find(|(_, found)| neighbours.contains(found)).map(|(tile, _)| tile);
        let tabs = beside.and_then(|tile| layout.tiles.parent_of(tile)).or(layout.root);
        let pane = layout.tiles.insert_pane(panel);
        if let Some(Tile::Container(container)) = tabs.and_then(|tabs| layout.tiles.get_mut(tabs)) {
            container.add_child(pane);
        }
    }
    layout
}

fn panes(layout: &Layout) -> impl Iterator<Item = (TileId, Panel)> {
    layout.tiles.iter().filter_map(|(tile, content)| match content {
        Tile::Pane(panel) => Some((*tile, *panel)),
        Tile::Container(_) => None,
    })
}

fn children(layout: &Layout, tile: TileId) -> Vec<TileId> {
    match layout.tiles.get(tile) {
        Some(Tile::Container(container)) => container.children_vec(),
        _ => Vec::new(),
    }
}

/// Shows a panel before those that it shares its place with.
pub fn bring_forward(layout: &mut Layout, panel: Panel) {
    layout.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if *pane == panel));
}

fn column(tiles: &mut Tiles<Panel>, groups: &[(Vec<Panel>, f32)]) -> TileId {
    let children: Vec<_> = groups
        .iter()
        .map(|(panels, share)| {
            let panes = panels.iter().map(|&panel| tiles.insert_pane(panel)).collect();
            (tiles.insert_tab_tile(panes), *share)
        })
        .collect();
    linear(tiles, LinearDir::Vertical, &children)
}

fn linear(tiles: &mut Tiles<Panel>, direction: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut container = Linear::new(direction, children.iter().map(|(tile, _)| *tile).collect());
    for (tile, share) in children {
        container.shares.set_share(*tile, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(container)))
}

#[cfg(test)]
mod tests {
    use super::{Container, Layout, Preset, Tile, completed, layout_for, maximised, panes, sound};
    use crate::app::model::panel::Panel;
    use crate::view::View;

    fn usual() -> Layout {
        layout_for(Preset::Usual)
    }

    #[test]
    fn a_layout_that_cannot_be_shown_is_not_sound() {
        assert!(sound(usual()).is_some());
        let changed = |change: fn(&mut Layout)| {
            let mut layout = usual();
            change(&mut layout);
            sound(layout)
        };
        assert!(changed(|layout| layout.root = None).is_none(), "no root");
        assert!(changed(|layout| layout.tiles = egui_tiles::Tiles::default()).is_none(), "no panes");
        let apart = |layout: &mut Layout| {
            let first = panes(layout).next().map(|(tile, _)| tile);
            layout.root = first;
        };
        assert!(changed(apart).is_none(), "tiles that nothing holds");
        let container = |layout: &mut Layout, change: fn(&mut Container, egui_tiles::TileId)| {
            let Some(root) = layout.root else { return };
            if let Some(Tile::Container(container)) = layout.tiles.get_mut(root) {
                change(container, root);
            }
        };
        let changed = |change: fn(&mut Container, egui_tiles::TileId)| {
            let mut layout = usual();
            container(&mut layout, change);
            sound(layout)
        };
        assert!(changed(Container::add_child).is_none(), "a circle");
        let nan = |container: &mut Container, root| {
            if let Container::Linear(linear) = container {
                linear.shares.set_share(root, f32::NAN);
            }
        };
        assert!(changed(nan).is_none(), "a share that is no number");
    }

    #[test]
    fn a_layout_of_an_earlier_version_gets_the_new_panels() {
        let mut old: Layout = usual();
        let gone: Vec<_> = panes(&old)
            .filter(|(_, panel)| matches!(panel, Panel::View(View::Timeline | View::Embedding | View::Similarity)))
            .map(|(tile, _)| tile)
            .collect();
        for tile in gone {
            old.remove_recursively(tile);
        }
        let now = completed(old);
        let mut found: Vec<_> = panes(&now).map(|(_, panel)| panel.title()).collect();
        let mut all: Vec<_> = panes(&usual()).map(|(_, panel)| panel.title()).collect();
        found.sort_unstable();
        all.sort_unstable();
        assert_eq!(found, all);
        let parent =
            |panel: Panel| panes(&now).find(|(_, p)| *p == panel).and_then(|(tile, _)| now.tiles.parent_of(tile));
        assert_eq!(parent(Panel::View(View::Timeline)), parent(Panel::View(View::Text)), "as a tab beside the text");
    }

    #[test]
    fn every_arrangement_holds_every_panel_once() {
        for preset in Preset::ALL {
            let layout = layout_for(preset);
            let mut found: Vec<_> = panes(&layout).map(|(_, panel)| panel.index()).collect();
            found.sort_unstable();
            assert_eq!(found, (0..Panel::COUNT).collect::<Vec<_>>(), "{preset}");
            assert!(sound(layout).is_some(), "{preset}");
        }
        let alone = maximised(&usual(), Panel::View(View::Text));
        assert_eq!(panes(&alone).map(|(_, panel)| panel).collect::<Vec<_>>(), [Panel::View(View::Text)]);
        assert_eq!(alone.tiles.find_pane(&Panel::View(View::Text)), usual().tiles.find_pane(&Panel::View(View::Text)));
    }
}
