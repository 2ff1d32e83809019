import Glibc
import Synchronization

/// The regions of POSIX shared memory that clients have registered, by name: Triton's extension for clients on the same
/// machine.
///
/// Regions are read and written by their descriptors and never mapped: a client that shrinks an object in the midst of it
/// gets an error, where a mapping would end the server with SIGBUS.
final class SharedMemoryRegions: Sendable {
    /// The most regions at a time; each is an open file.
    static let limit = 64
    /// The most bytes of a region's name.
    static let nameLimit = 256

    /// A part of an object of shared memory. It stays open until the last request that uses it has been answered.
    final class Region: Sendable, Hashable {
        let name: String
        /// The name of the object, as `shm_open` takes it.
        let key: String
        /// Where it begins in the object, in bytes.
        let offset: Int
        let byteCount: Int
        private let file: Int32
        private let registered = Atomic(true)

        fileprivate init(name: String, key: String, offset: Int, byteCount: Int, file: Int32) {
            self.name = name
            self.key = key
            self.offset = offset
            self.byteCount = byteCount
            self.file = file
        }

        deinit { close(file) }

        static func == (left: Region, right: Region) -> Bool { left === right }

        func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

        fileprivate func unregister() { registered.store(false, ordering: .relaxed) }

        /// The bytes of the whole object; `nil` if it is none.
        fileprivate var objectSize: Int? {
            var status = stat()
            guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            return Int(status.st_size)
        }

        /// Makes sure that the object still has all of the region.
        private func checkSize() throws(InferenceError) {
            guard let size = objectSize, size >= offset + byteCount else { throw shrunk }
        }

        private var shrunk: InferenceError {
            InferenceError(.invalid, "region '\(name)' of shared memory is larger than its object '\(key)' has become")
        }

        fileprivate func read(_ bytes: Range<Int>) throws(InferenceError) -> [UInt8] {
            try checkSize()
            let read = [UInt8](unsafeUninitializedCapacity: bytes.count) { memory, count in
                while count < bytes.count {
                    let place = memory.baseAddress.map { $0 + count }
                    let got = pread(file, place, bytes.count - count, off_t(offset + bytes.lowerBound + count))
                    if got < 0, errno == EINTR { continue }
                    guard got > 0 else { return }
                    count += got
                }
            }
            guard read.count == bytes.count else { throw shrunk }
            return read
        }

        fileprivate func write(_ bytes: [UInt8], at start: Int) throws(InferenceError) {
            guard registered.load(ordering: .relaxed) else {
                throw InferenceError(.invalid, "region '\(name)' of shared memory has been unregistered")
            }
            try checkSize()
            var done = 0
            while done < bytes.count {
                let put = bytes.withUnsafeBytes { bytes in
                    pwrite(file, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + start + done))
                }
                if put < 0, errno == EINTR { continue }
                guard put > 0 else {
                    throw InferenceError(
                        .invalid,
                        "region '\(name)' of shared memory cannot be written: \(String(cString: strerror(errno)))")
                }
                done += put
            }
        }
    }

    /// Where to write an output.
    struct Place: Sendable, Hashable {
        let region: Region
        /// In the region, in bytes.
        let offset: Int
        /// The most bytes that may be written there.
        let byteCount: Int

        /// Writes an output.
        ///
        /// - Throws: `InferenceError` if the output is larger, or the region is no longer there.
        func write(_ bytes: [UInt8], output: String) throws(InferenceError) {
            guard bytes.count <= byteCount else {
                throw InferenceError(
                    .invalid,
                    "output '\(output)' has \(bytes.count) bytes, more than the \(byteCount) of its "
                        + "'shared_memory_byte_size'")
            }
            try region.write(bytes, at: offset)
        }
    }

    private let regions = Mutex<[String: Region]>([:])

    // MARK: - What clients register

    /// Registers a part of an object.
    ///
    /// - Parameters:
    ///   - key: the object's name: a slash and no more of them.
    ///   - offset: where the part begins, in bytes.
    /// - Throws: `InferenceError` that says what is wrong.
    func register(name: String, key: String, offset: Int, byteCount: Int) throws(InferenceError) {
        guard !name.isEmpty, name.utf8.count <= Self.nameLimit else {
            throw InferenceError(.invalid, "a region of shared memory has a name of 1 to \(Self.nameLimit) bytes")
        }
        try Self.check(key: key)
        guard offset >= 0, byteCount > 0, !offset.addingReportingOverflow(byteCount).overflow else {
            throw InferenceError(
                .invalid,
                "region '\(name)' has offset \(offset) and \(byteCount) bytes; it needs an offset from 0 and a byte"
            )
        }
        let region = Region(
            name: name, key: key, offset: offset, byteCount: byteCount, file: try Self.open(key, for: name))
        // The descriptor is the region's from here on.
        guard let size = region.objectSize else {
            throw InferenceError(.invalid, "'\(key)' is no object of shared memory")
        }
        guard offset + byteCount <= size else {
            throw InferenceError(
                .invalid,
                "region '\(name)' ends at byte \(offset + byteCount), but '\(key)' has only \(size) bytes")
        }
        let problem: InferenceError? = regions.withLock { regions in
            guard regions[name] == nil else {
                return InferenceError(.invalid, "region '\(name)' of shared memory is registered already")
            }
            guard regions.count < Self.limit else {
                return InferenceError(
                    .invalid,
                    "\(Self.limit) regions of shared memory are registered, the limit here; unregister one of them")
            }
            regions[name] = region
            return nil
        }
        if let problem { throw problem }
    }

    /// Unregisters a region, or all; what is not registered is left so.
    func unregister(_ name: String?) {
        let gone = regions.withLock { regions in
            guard let name else {
                defer { regions = [:] }
                return Array(regions.values)
            }
            return regions.removeValue(forKey: name).map { [$0] } ?? []
        }
        for region in gone { region.unregister() }
    }

    /// A region, or all, by name.
    func status(_ name: String?) throws(InferenceError) -> [Region] {
        let all = regions.withLock { $0 }
        guard let name else { return all.values.sorted { $0.name < $1.name } }
        guard let region = all[name] else { throw Self.unknown(name) }
        return [region]
    }

    private static func unknown(_ name: String) -> InferenceError {
        InferenceError(.notFound, "no region '\(name)' of shared memory is registered")
    }

    // MARK: - CUDA

    /// The answer to a client that wants to register memory of a GPU.
    static let noCUDA = InferenceError(
        .unsupported, "CUDA shared memory is not supported here; use system shared memory, or send elements as bytes")

    /// The answer to a client that asks for such a region.
    static func unknownCUDA(_ name: String) -> InferenceError {
        InferenceError(.notFound, "no region '\(name)' of CUDA shared memory is registered; there are none here")
    }

    // MARK: - Objects

    /// Makes sure that a key is the name of an object, and leads nowhere else.
    private static func check(key: String) throws(InferenceError) {
        let name = key.dropFirst()
        guard key.first == "/", !name.isEmpty, name != ".", name != "..", key.utf8.count <= Int(NAME_MAX),
            !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
        else {
            throw InferenceError(
                .invalid, "'\(key)' is no key of shared memory; it is a slash and a name without one, such as '/input'")
        }
        // Semaphores are files beside the objects.
        guard !name.hasPrefix("sem.") else {
            throw InferenceError(.invalid, "'\(key)' is a semaphore, and no object of shared memory")
        }
    }

    private static func open(_ key: String, for name: String) throws(InferenceError) -> Int32 {
        let file = shm_open(key, O_RDWR | O_NONBLOCK, 0)
        guard file >= 0 else {
            throw InferenceError(
                .invalid,
                "region '\(name)': shared memory '\(key)' cannot be opened: \(String(cString: strerror(errno)))")
        }
        return file
    }

    // MARK: - What requests use

    /// Where to write an output of a request.
    ///
    /// - Parameter byteCount: of the output; `nil` if that is not known yet.
    func place(
        _ slice: InferenceRequest.SharedMemorySlice, output: String, byteCount: Int?
    ) throws(InferenceError) -> Place {
        let region = try region(slice, of: "output '\(output)'")
        let place = Place(region: region, offset: slice.offset, byteCount: slice.byteCount)
        guard (byteCount ?? 0) <= slice.byteCount else {
            throw InferenceError(
                .invalid,
                "output '\(output)' has \(byteCount ?? 0) bytes, more than the \(slice.byteCount) of its "
                    + "'shared_memory_byte_size'")
        }
        return place
    }

    /// The elements of an input.
    func read(_ slice: InferenceRequest.SharedMemorySlice, input: String) throws(InferenceError) -> [UInt8] {
        let region = try region(slice, of: "input '\(input)'")
        return try region.read(slice.offset..<slice.offset + slice.byteCount)
    }

    private func region(
        _ slice: InferenceRequest.SharedMemorySlice, of tensor: String
    ) throws(InferenceError) -> Region {
        guard let region = regions.withLock({ $0[slice.region] }) else {
            throw InferenceError(
                .invalid, "\(tensor): no region '\(slice.region)' of shared memory is registered; register it first")
        }
        let (end, overflow) = slice.offset.addingReportingOverflow(slice.byteCount)
        guard !overflow, end <= region.byteCount else {
            throw InferenceError(
                .invalid,
                "\(tensor): \(slice.byteCount) bytes from byte \(slice.offset) on do not lie in region '\(slice.region)' "
                    + "of shared memory, which has \(region.byteCount) bytes")
        }
        return region
    }
}
