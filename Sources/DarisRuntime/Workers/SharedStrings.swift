import ONNXRuntime

/// The strings of a tensor in shared memory: how many bytes they take, in 8 bytes, then the strings as `EncodedStrings` has
/// them.
struct SharedStrings: @unchecked Sendable {
    // Unchecked: each side touches it only while the job, or its absence, gives it the right to.

    static let headerBytes = 8
    let memory: UnsafeMutableRawBufferPointer

    /// The most bytes that the strings may take together.
    var capacity: Int { memory.count - Self.headerBytes }

    /// Replaces the strings; those that do not fit leave none.
    ///
    /// - Returns: whether they fit.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        let fits = bytes.count <= capacity
        memory.storeBytes(of: UInt64(fits ? bytes.count : 0), as: UInt64.self)
        if fits { memory[Self.headerBytes...].copyBytes(from: bytes) }
        return fits
    }

    /// A copy of the strings; `nil` if what is there can be none. The other side may change it meanwhile, so the length is
    /// read once and what is returned is still to be checked.
    func read() -> [UInt8]? {
        let length = memory.load(as: UInt64.self)
        guard length <= UInt64(capacity) else { return nil }
        return Array(memory[Self.headerBytes..<Self.headerBytes + Int(length)])
    }
}
