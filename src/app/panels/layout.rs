//! Where the panels stand.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};

use crate::app::model::panel::Panel;
use crate::view::View;

/// Where the panels stand. The user rearranges them by dragging their tabs.
pub type Layout = Tree<Panel>;

/// By which egui knows the layout.
pub fn layout_id() -> egui::Id {
    egui::Id::unique("panels")
}

/// Examples and heads at the left, picture and text in the middle, matrix and hidden states at the right; a view that has no place
/// of its own is a tab beside the matrix.
pub fn default_layout() -> Layout {
    use View::{
        Embedding, Heads, Image, Joint, Lattice, Links, Matrix, Overlays, Pins, Similarity, Text, Thumbnails, Timeline,
    };
    let placed = [
        Embedding, Heads, Image, Joint, Lattice, Links, Matrix, Overlays, Pins, Similarity, Text, Thumbnails, Timeline,
    ];
    let others = View::all().into_iter().filter(|view| !placed.contains(view));
    let matrix: Vec<Panel> = [Matrix, Similarity].into_iter().chain(others).map(Panel::View).collect();
    let of = Panel::View;
    let mut tiles = Tiles::default();
    let left = [
        (&[Panel::Examples, Panel::Tokens, Panel::Notes][..], 0.42),
        (&[of(Heads), of(Thumbnails), Panel::Atlas], 0.58),
    ];
    let pictures = [of(Image), of(Overlays), of(Lattice), of(Links), of(Pins), Panel::Compare];
    let middle = [(&pictures[..], 0.72), (&[of(Text), of(Timeline)], 0.28)];
    let right = [(matrix.as_slice(), 0.5), (&[of(Embedding), of(Joint)], 0.5)];
    let [left, middle, right] = [&left, &middle, &right].map(|groups| column(&mut tiles, groups));
    let root = linear(&mut tiles, LinearDir::Horizontal, &[(left, 0.27), (middle, 0.44), (right, 0.29)]);
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
    let default = default_layout();
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

fn column(tiles: &mut Tiles<Panel>, groups: &[(&[Panel], f32)]) -> TileId {
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
    use super::{Container, Layout, Tile, completed, default_layout, panes, sound};
    use crate::app::model::panel::Panel;
    use crate::view::View;

    #[test]
    fn a_layout_that_cannot_be_shown_is_not_sound() {
        assert!(sound(default_layout()).is_some());
        let changed = |change: fn(&mut Layout)| {
            let mut layout = default_layout();
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
            let mut layout = default_layout();
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
        let mut old: Layout = default_layout();
        let gone: Vec<_> = panes(&old)
            .filter(|(_, panel)| matches!(panel, Panel::View(View::Timeline | View::Embedding | View::Similarity)))
            .map(|(tile, _)| tile)
            .collect();
        for tile in gone {
            old.remove_recursively(tile);
        }
        let now = completed(old);
        let mut found: Vec<_> = panes(&now).map(|(_, panel)| panel.title()).collect();
        let mut all: Vec<_> = panes(&default_layout()).map(|(_, panel)| panel.title()).collect();
        found.sort_unstable();
        all.sort_unstable();
        assert_eq!(found, all);
        let parent =
            |panel: Panel| panes(&now).find(|(_, p)| *p == panel).and_then(|(tile, _)| now.tiles.parent_of(tile));
        assert_eq!(parent(Panel::View(View::Timeline)), parent(Panel::View(View::Text)), "as a tab beside the text");
    }
}
