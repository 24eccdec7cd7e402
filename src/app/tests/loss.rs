//! A GPU that is lost under the window: the same view comes back on the next one.

use std::sync::Arc;

use crate::analysis::Compute;
use crate::app::tests::{Result, launch_on};
use crate::app::{Command, Launch, Offscreen};
use crate::gpu::{AdapterChoice, Gpu};

fn open(compute: Compute) -> Result<(Arc<Gpu>, Offscreen)> {
    let gpu = Arc::new(Gpu::open(&AdapterChoice::Auto)?);
    let launch = Launch { compute, ..launch_on("multi-image.safetensors") };
    let window = Offscreen::open(&gpu, &launch, [1280.0, 720.0], 1.0)?;
    Ok((gpu, window))
}

fn settled(window: &mut Offscreen) -> Result<image::RgbaImage> {
    window.settle()?;
    window.frame()?;
    window.frame()?;
    Ok(window.picture()?)
}

fn select(tokens: Vec<usize>) -> Command {
    Command::SelectTokens { sequence: 0, tokens, extend: false }
}

/// Between two frames, and while numbers are on their way.
#[test]
fn the_window_comes_back_on_the_next_device() -> Result<()> {
    for compute in [Compute::Cpu, Compute::Gpu] {
        let (_, mut other) = open(compute)?;
        let before = settled(&mut other)?;
        other.apply(select(vec![3]));
        let after = settled(&mut other)?;
        assert_ne!(before, after);

        let (gpu, mut window) = open(compute)?;
        assert!(before == settled(&mut window)?);
        gpu.device.destroy();
        assert!(window.picture().is_err(), "the device is lost");
        assert!(before == settled(&mut window)?, "{compute:?}: the same is drawn by the next device");
        window.apply(select(vec![3]));
        gpu.current()?.device.destroy();
        assert!(after == settled(&mut window)?, "{compute:?}: a click goes on");
        assert!(window.state().failure.is_none());
    }
    Ok(())
}
