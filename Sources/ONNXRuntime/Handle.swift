import Synchronization

/// An object of ONNX Runtime, released once, when this value ends.
///
/// What the object depends on (its session, its memory) is kept alive until after the release.
///
/// A handle may be used from any thread: it is only a name. What may be done with the object at the same time is up to
/// the type that holds the handle.
struct Handle: ~Copyable, @unchecked Sendable {
    /// A function of the table that releases an object; its first argument is the table.
    typealias Release = @convention(c) (OpaquePointer?, OpaquePointer?) -> Void

    /// The object.
    let pointer: OpaquePointer
    let api: API
    private let release: Release
    private let owners: [any AnyObject & Sendable]

    /// Takes over `pointer`.
    init(_ pointer: OpaquePointer, api: API, release: @escaping Release, keeping owners: [any AnyObject & Sendable]) {
        self.pointer = pointer
        self.api = api
        self.release = release
        self.owners = owners
        api.liveHandles.add(1, ordering: .relaxed)
    }

    deinit {
        release(api.table, pointer)
        api.liveHandles.subtract(1, ordering: .relaxed)
    }
}
