//! A cloud of tokens: discs while they can be told apart, shading where they overlap, and the point under the pointer.
#![allow(clippy::panic, reason = "a test that fails may panic")]

use glam::Vec2;
use vlscope::render::{Color, Fonts, Mark, Rect, Transform};
use vlscope::view::{CloudInputs, CloudScene, MOST_DISCS, Options, Theme, TokenCloud, draw_token_cloud};

const RED: Color = Color::hex(0xd04020);
const BLUE: Color = Color::hex(0x2060d0);

/// Spread evenly (the R₂ sequence); all in the left half are red.
fn cloud(count: usize) -> TokenCloud {
    let place = |index: usize| {
        let part = |step: f64| (0.5 + index as f64 * step).fract() as f32;
        [part(0.754_877_666_246_692_7), part(0.569_840_290_998_053_3)]
    };
    let places: Vec<[f32; 2]> = (0..count).map(place).collect();
    let lefts: Vec<bool> = places.iter().map(|place| place[0] < 0.5).collect();
    TokenCloud::new(places, |index| if lefts[index] { RED } else { BLUE })
}

fn draw(cloud: &TokenCloud, view: Option<Transform>, size: Vec2, theme: Theme) -> CloudScene {
    let options = Options { theme, ..Options::default() };
    let legend = [("left".to_owned(), RED), ("right".to_owned(), BLUE)];
    let inputs = CloudInputs {
        cloud,
        legend: &legend,
        title: "Tokens",
        note: "a note",
        marked: &[0, 1],
        hover: None,
        view,
        options: &options,
        size,
    };
    draw_token_cloud(&inputs, &mut Fonts::new())
}

const SIZE: Vec2 = Vec2::new(640.0, 480.0);

#[test]
fn few_are_discs_and_many_are_shaded_in_their_colours() {
    let few = draw(&cloud(500), None, SIZE, Theme::Dark);
    assert!(
        !few.is_shaded
            && few
                .scene
                .drawing
                .marks
                .iter()
                .any(|mark| matches!(mark, Mark::Points(points) if points.points.len() == 500))
    );

    let many = cloud(200_000);
    let scene = draw(&many, None, SIZE, Theme::Light);
    assert!(scene.is_shaded);
    let picture = scene
        .scene
        .drawing
        .marks
        .iter()
        .find_map(|mark| if let Mark::Picture(picture) = mark { Some(picture) } else { None });
    let Some(picture) = picture else { panic!("nothing is shaded") };
    let (width, height) = (picture.pixels.width as usize, picture.pixels.height as usize);
    let pixel = |x: usize, y: usize| &picture.pixels.rgb[(y * width + x) * 3..][..3];
    let redder = |x: f32, y: f32| {
        let pixel = pixel((x * width as f32) as usize, (y * height as f32) as usize);
        i32::from(pixel[0]) - i32::from(pixel[2])
    };
    // The square of points lies in the middle of the wider plot.
    let count = |from: f32, to: f32, wants_red: bool| {
        let places =
            (0..100).flat_map(|i| (20..80).map(move |j| (from + (to - from) * i as f32 / 100.0, j as f32 / 100.0)));
        places.filter(|&(x, y)| if wants_red { redder(x, y) > 20 } else { redder(x, y) < -20 }).count()
    };
    assert!(count(0.25, 0.45, true) > 1000 && count(0.25, 0.45, false) == 0);
    assert!(count(0.55, 0.75, false) > 1000 && count(0.55, 0.75, true) == 0);

    // Zoomed in, fewer are in view than can be told apart.
    let near = Transform { scale: Vec2::splat(8.0), offset: Vec2::splat(-3.5) };
    assert!(!draw(&many, Some(near), SIZE, Theme::Dark).is_shaded);
    const { assert!(MOST_DISCS < 200_000) };
}

#[test]
fn the_pointer_finds_points_wherever_they_are_drawn() {
    let cloud = cloud(3000);
    for view in [None, Some(Transform { scale: Vec2::splat(3.0), offset: Vec2::new(-0.7, -1.1) })] {
        let scene = draw(&cloud, view, SIZE, Theme::Dark);
        assert_eq!(cloud.view_in(scene.scene.content, view), scene.view);
        for (index, at) in cloud.placed(&scene.view).into_iter().enumerate().step_by(97) {
            assert_eq!(cloud.at(&scene.view, at), Some(index));
        }
        assert_eq!(cloud.at(&scene.view, Vec2::splat(-4000.0)), None);
    }
}

#[test]
fn nothing_and_little_room_are_drawn_too() {
    let empty = TokenCloud::new(Vec::new(), |_| RED);
    let nowhere = TokenCloud::new(vec![[f32::NAN; 2]; 3], |_| RED);
    for cloud in [&empty, &nowhere, &cloud(2), &cloud(1)] {
        for size in [SIZE, Vec2::new(200.0, 90.0), Vec2::new(70.0, 50.0), Vec2::new(20.0, 20.0)] {
            let scene = draw(cloud, None, size, Theme::Light);
            let inside = Rect { min: Vec2::splat(-0.5), max: size + 0.5 };
            assert!(inside.contains(scene.scene.content.min) || scene.scene.content.size().min_element() <= 0.0);
        }
    }
}
