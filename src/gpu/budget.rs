//! How much of an adapter's memory the pages of attention may take.

/// On adapters that share the memory of everything else.
pub const DEFAULT_BUDGET_BYTES: u64 = 1 << 30;
/// Beyond it a trace is not read faster.
const MOST_BYTES: u64 = 8 << 30;

/// What is taken unless the user says otherwise. wgpu does not tell how much memory there is. The largest buffer that the
/// adapter allows is never more, so half of that, 1 to 8 GiB; 1 GiB on software adapters.
pub(super) fn default_budget_bytes(info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> u64 {
    if info.device_type == wgpu::DeviceType::Cpu {
        return DEFAULT_BUDGET_BYTES;
    }
    (limits.max_buffer_size / 2).clamp(DEFAULT_BUDGET_BYTES, MOST_BYTES)
}
