//! A device that is lost between two drawings: every pass draws the same on the next one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use crate::common::Studio;
use crate::golden::all;
use vlscope::gpu::{AdapterChoice, Gpu, GpuError, PageKey, PageTensor, resident_head};
use vlscope::headless::{Headless, HeadlessError};
use vlscope::render::colormap::Colormap;
use vlscope::render::{
    Backend, Color, DrawError, Drawing, Heatmap, Mark, Painter, Rect, RenderTarget, TargetError, Values,
};
use vlscope::trace::{Dtype, TensorView};

fn lose(gpu: &Gpu) {
    gpu.device.destroy();
    let _ = gpu.wait();
}

#[test]
fn every_pass_says_that_the_device_is_lost_and_draws_on_the_next() {
    for backend in [Backend::Cpu, Backend::Gpu] {
        for (name, drawing, _) in all() {
            let mut studio = Studio::new(backend);
            let before = studio.draw(&drawing, 1.0);
            let target = RenderTarget::new(&studio.gpu, 64, 64).unwrap();
            studio.gpu.device.destroy();
            let outcome = studio.painter.draw(&drawing, 1.0, &mut studio.fonts, &target);
            assert!(matches!(outcome, Err(DrawError::Gpu(GpuError::Lost))), "{name}: {outcome:?}");
            assert!(matches!(target.read(&studio.gpu), Err(GpuError::Lost)));
            assert!(matches!(RenderTarget::new(&studio.gpu, 64, 64), Err(TargetError::Gpu(GpuError::Lost))));
            // A painter on a lost device is of no use, and no panic.
            drop(Painter::new(&studio.gpu, backend));
            studio.gpu = studio.gpu.current().unwrap();
            studio.painter = Painter::new(&studio.gpu, backend);
            assert_eq!(before, studio.draw(&drawing, 1.0), "{name}");
        }
    }
}

#[test]
fn a_picture_without_a_window_comes_from_the_next_device() {
    let gpu = Arc::new(Gpu::open(&AdapterChoice::Auto).unwrap());
    let mut headless = Headless::on(Arc::clone(&gpu));
    let [(_, drawing, _), ..] = all();
    let before = headless.draw(&drawing, 1.0).unwrap();
    lose(&gpu);
    assert_eq!(before, headless.draw(&drawing, 1.0).unwrap());
    lose(&gpu.current().unwrap());
    assert_eq!(before, headless.draw(&drawing, 1.0).unwrap());
}

/// It has to be asked for anew, which is the caller's part.
#[test]
fn a_matrix_on_a_lost_device_is_an_error_and_no_picture() {
    let gpu = Arc::new(Gpu::open(&AdapterChoice::Auto).unwrap());
    let layer = TensorView { dtype: Dtype::F32, shape: vec![1, 2, 2], bytes: &[0; 16] };
    let key = PageKey { trace: 0, block: 0, layer: 0, tensor: PageTensor::Weights, first_head: 0 };
    let rect = Rect::at(0.0, 0.0, 8.0, 8.0);
    let drawing = |gpu: &Gpu| {
        let mark = Heatmap {
            rect,
            values: Values::Resident(resident_head(gpu, key, &layer, 0).unwrap()),
            rows: 2,
            columns: 2,
            window: Rect::at(0.0, 0.0, 2.0, 2.0),
            range: [0.0, 1.0],
            colormap: Colormap::Greys,
            missing: Color::hex(0xff_0000),
            opacity: 1.0,
            fade: false,
            smooth: false,
        };
        Drawing { size: rect.max, background: Color::hex(0xff_ffff), marks: vec![Mark::Heatmap(mark)] }
    };
    let mut headless = Headless::on(Arc::clone(&gpu));
    let stale = drawing(&gpu);
    let before = headless.draw(&stale, 1.0).unwrap();
    lose(&gpu);
    let outcome = headless.draw(&stale, 1.0);
    assert!(matches!(outcome, Err(HeadlessError::Draw(DrawError::Gpu(GpuError::Lost)))), "{outcome:?}");
    assert_eq!(before, headless.draw(&drawing(&gpu.current().unwrap()), 1.0).unwrap());
}
