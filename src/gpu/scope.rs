//! What a device says of work: what it complains of, and that it is done.

use super::error::GpuError;

/// Does work on this thread; what the device complains of meanwhile is the error.
pub(super) fn scoped<T>(device: &wgpu::Device, work: impl FnOnce() -> Result<T, GpuError>) -> Result<T, GpuError> {
    use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
    let scopes = [OutOfMemory, Validation, Internal].map(|filter| device.push_error_scope(filter));
    let result = work();
    let complaints = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop()));
    match complaints.collect::<Vec<_>>().into_iter().next() {
        Some(complaint) => Err(complaint.into()),
        None => result,
    }
}

/// Waits until the device has done that submission, and those before it.
pub(super) fn wait_for(device: &wgpu::Device, submission: wgpu::SubmissionIndex) -> Result<(), GpuError> {
    device.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })?;
    Ok(())
}
