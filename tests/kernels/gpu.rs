//! Adapters by name, pages within their budget, and a device that complains.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use crate::common::{Block, engine_on_shaders, gpu};
use vlscope::analysis::{Compute, Engine};
use vlscope::gpu::{AdapterChoice, Gpu, PageKey, Residency, adapters, read_back};
use vlscope::trace::Dtype;

#[test]
fn an_adapter_is_found_by_a_part_of_its_name_in_any_case() {
    let report = adapters();
    let name = &gpu().info.name;
    let listed = report.iter().find(|adapter| &adapter.name == name).unwrap();
    assert_eq!(listed.runs_shaders, !gpu().is_software());
    assert!(listed.max_binding_bytes >= 1 << 27);
    let part: String = name.chars().take(6).collect::<String>().to_uppercase();
    assert_eq!(&Gpu::open(&AdapterChoice::Named(part)).unwrap().info.name, name);
    let error = Gpu::open(&AdapterChoice::Named("Voodoo2".into())).unwrap_err().to_string();
    assert!(error.starts_with("no adapter has `Voodoo2` in its name; there are: ") && error.contains(name), "{error}");
}

#[test]
fn the_engine_follows_the_adapter_unless_told_otherwise() {
    assert!(engine_on_shaders().runs_shaders());
    let automatic = Engine::new(Some(gpu().clone()), Compute::Auto, 1 << 20).unwrap();
    assert_eq!(automatic.runs_shaders(), !gpu().is_software());
    assert!(!Engine::new(Some(gpu().clone()), Compute::Cpu, 1 << 20).unwrap().runs_shaders());
    let error = Engine::new(None, Compute::Gpu, 1 << 20).unwrap_err().to_string();
    assert_eq!(error, "the statistics cannot run in shaders: no GPU is open");
}

/// Three layers of 512 bytes in a budget for two: the one that was used longest ago makes room.
#[test]
fn the_least_recently_used_page_goes_first() {
    let block = Block::mixed(8, false, &[2, 2, 2], Dtype::F32);
    let layers = block.layers();
    let mut residency = Residency::new(gpu().clone(), 2 * 512);
    let mut page = |layer: usize| {
        let key = PageKey { trace: 0, block: 0, layer, first_head: 0 };
        let page = residency.page(key, &layers[layer], &(0..2));
        assert!(residency.resident_bytes() <= 2 * 512);
        page
    };
    let (first, second) = (page(0), page(1));
    assert_eq!(page(0), first);
    page(2);
    assert_eq!(page(0), first);
    assert_ne!(page(1), second);
}

#[test]
fn what_the_device_refuses_is_an_error_and_no_panic() {
    let gpu = gpu();
    let refused = gpu.guarded(|| {
        // Made without COPY_SRC.
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        read_back::<u32>(gpu, &buffer)
    });
    assert!(refused.unwrap_err().to_string().starts_with("the device refused: "));
    assert!(!gpu.is_lost());
    assert_eq!(read_back::<u32>(gpu, &gpu.storage(&[1_u32, 2])).unwrap(), [1, 2]);
}
