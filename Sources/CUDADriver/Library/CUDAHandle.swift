import CCUDADriver

/// An object of the driver that lives in a context, released once, when this value ends.
///
/// The context, and whatever else the object depends on, is kept alive until after the release, and is made current
/// before it. That a release fails is tolerated: the driver reports failures of earlier work there, and there is
/// nothing left to do about them.
///
/// A handle may be used from any thread: it is only a name.
struct CUDAHandle: ~Copyable, @unchecked Sendable {
    /// A function of the driver that releases an object.
    typealias Release = @convention(c) (OpaquePointer?) -> DarisCudaResult

    /// The object.
    let pointer: OpaquePointer
    let context: CUDAContext
    private let release: Release
    private let owner: (any AnyObject & Sendable)?

    /// Takes over `pointer`.
    init(
        _ pointer: OpaquePointer, in context: CUDAContext, release: @escaping Release,
        keeping owner: (any AnyObject & Sendable)? = nil
    ) {
        self.pointer = pointer
        self.context = context
        self.release = release
        self.owner = owner
    }

    deinit {
        context.makeCurrentToRelease()
        _ = release(pointer)
    }
}
