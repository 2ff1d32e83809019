/// Something that a stream calls on the host, when the work before it is done.
///
/// It runs on a thread of the driver's. It must not call CUDA, nor wait for anything that a stream does: post to another
/// thread.
final class HostFunction: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
