/// What there is of CUDA on this machine.
package enum CUDAProbe: Hashable, Sendable {
    /// No device can be used, for this reason, which is a sentence without a full stop.
    case unavailable(reason: String)
    /// There is at least one device; the driver knows CUDA up to `driverVersion`.
    case devices([CUDADeviceFacts], driverVersion: CUDAVersion)
}
