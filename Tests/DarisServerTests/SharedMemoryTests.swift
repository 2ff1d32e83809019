import Foundation
import Glibc
import Testing

@testable import DarisServer

/// An object of shared memory as a client makes it, gone with its last reference.
final class ClientMemory: Sendable {
    let key: String
    private let file: Int32

    init(bytes: [UInt8]) {
        key = "/daris-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        file = shm_open(key, O_RDWR | O_CREAT | O_EXCL, 0o600)
        precondition(file >= 0, "shared memory can be made")
        precondition(pwrite(file, bytes, bytes.count, 0) == bytes.count, "and written")
    }

    deinit {
        close(file)
        shm_unlink(key)
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        _ = pread(file, &bytes, bytes.count, 0)
        return bytes
    }

    var size: Int {
        get {
            var status = stat()
            fstat(file, &status)
            return Int(status.st_size)
        }
        set { ftruncate(file, off_t(newValue)) }
    }
}

@Suite("Regions of shared memory")
struct SharedMemoryTests {
    private let regions = SharedMemoryRegions()

    private func slice(_ offset: Int, _ count: Int, region: String = "r") -> InferenceRequest.SharedMemorySlice {
        .init(region: region, offset: offset, byteCount: count)
    }

    private func message(_ body: () throws -> Void) throws -> String {
        try #require(throws: InferenceError.self) { try body() }.message
    }

    @Test("what a client has put there is read, and what is written is there")
    func use() throws {
        let memory = ClientMemory(bytes: Array(0..<100))
        try regions.register(name: "r", key: memory.key, offset: 10, byteCount: 50)
        #expect(try regions.read(slice(5, 3), input: "x") == [15, 16, 17])
        #expect(try regions.read(slice(50, 0), input: "x").isEmpty)
        try regions.place(slice(48, 2), output: "y", byteCount: 2).write([201, 202], output: "y")
        #expect(memory.bytes[57...60].elementsEqual([57, 201, 202, 60]) && memory.size == 100)
        let found = try #require(try regions.status("r").first)
        #expect(found.key == memory.key && found.offset == 10 && found.byteCount == 50)
    }

    @Test(
        "only the name of an object is a key",
        arguments: [
            "", "/", "x", "input", "//x", "/a/b", "/../etc/passwd", "/..", "/.", "/sem.x", "/x\0", "../x",
            "/" + String(repeating: "x", count: 300),
        ])
    func keys(key: String) throws {
        let error = try #require(throws: InferenceError.self) {
            try regions.register(name: "r", key: key, offset: 0, byteCount: 1)
        }
        #expect(error.kind == .invalid && error.message.contains("shared memory"), "\(error.message)")
        #expect(try regions.status(nil).isEmpty)
    }

    @Test("a region lies in its object, and has a name of its own")
    func registration() throws {
        let memory = ClientMemory(bytes: [UInt8](repeating: 0, count: 64))
        func register(_ offset: Int, _ count: Int, name: String = "r", key: String? = nil) throws -> String {
            try message { try regions.register(name: name, key: key ?? memory.key, offset: offset, byteCount: count) }
        }
        #expect(try register(0, 65).contains("ends at byte 65, but '\(memory.key)' has only 64 bytes"))
        #expect(try register(60, 5).contains("has only 64 bytes"))
        #expect(try register(-1, 5).contains("it needs an offset from 0"))
        #expect(try register(0, 0).contains("and a byte"))
        #expect(try register(.max, .max).contains("it needs an offset"))
        #expect(try register(0, 1, name: "").contains("a name of 1 to 256 bytes"))
        #expect(try register(0, 1, key: "/daris-test-none").contains("No such file"))
        try regions.register(name: "r", key: memory.key, offset: 0, byteCount: 64)
        #expect(try register(0, 1).contains("'r' of shared memory is registered already"))
    }

    @Test("there are so many regions and no more, until one is unregistered")
    func limit() throws {
        let memory = ClientMemory(bytes: [1])
        for number in 0..<SharedMemoryRegions.limit {
            try regions.register(name: "\(number)", key: memory.key, offset: 0, byteCount: 1)
        }
        let refusal = try message { try regions.register(name: "more", key: memory.key, offset: 0, byteCount: 1) }
        #expect(refusal.contains("64 regions of shared memory are registered, the limit here"))
        regions.unregister("7")
        try regions.register(name: "more", key: memory.key, offset: 0, byteCount: 1)
        regions.unregister(nil)
        regions.unregister("7")
        #expect(try regions.status(nil).isEmpty)
        #expect(throws: InferenceError.self) { try regions.status("more") }
    }

    @Test("a part lies in its region")
    func parts() throws {
        let memory = ClientMemory(bytes: [UInt8](repeating: 0, count: 64))
        try regions.register(name: "r", key: memory.key, offset: 0, byteCount: 32)
        #expect(
            try message { _ = try regions.read(slice(0, 33), input: "x") }.contains("input 'x': 33 bytes from byte 0"))
        #expect(try message { _ = try regions.read(slice(.max, 2), input: "x") }.contains("do not lie in region 'r'"))
        #expect(
            try message { _ = try regions.read(slice(0, 1, region: "s"), input: "x") }
                .contains("no region 's' of shared memory is registered; register it first"))
        #expect(
            try message { _ = try regions.place(slice(0, 8), output: "y", byteCount: 9) }
                .contains("output 'y' has 9 bytes, more than the 8"))
        let place = try regions.place(slice(0, 8), output: "y", byteCount: nil)
        #expect(
            try message { try place.write([UInt8](repeating: 1, count: 9), output: "y") }.contains("more than the 8"))
        #expect(memory.bytes == [UInt8](repeating: 0, count: 64))
    }

    @Test("an object that its client shrinks is an error, and is not grown again")
    func shrunk() throws {
        let memory = ClientMemory(bytes: [UInt8](repeating: 0, count: 64))
        try regions.register(name: "r", key: memory.key, offset: 0, byteCount: 64)
        let place = try regions.place(slice(0, 8), output: "y", byteCount: 8)
        memory.size = 4
        #expect(try message { _ = try regions.read(slice(0, 8), input: "x") }.contains("larger than its object"))
        #expect(try message { try place.write([1], output: "y") }.contains("larger than its object"))
        #expect(memory.size == 4)
    }

    @Test("what is unregistered meanwhile is not written, even if another has its name now")
    func unregistered() throws {
        let (memory, other) = (ClientMemory(bytes: [0, 0]), ClientMemory(bytes: [0, 0]))
        try regions.register(name: "r", key: memory.key, offset: 0, byteCount: 2)
        let place = try regions.place(slice(0, 2), output: "y", byteCount: 2)
        regions.unregister("r")
        try regions.register(name: "r", key: other.key, offset: 0, byteCount: 2)
        #expect(try message { try place.write([1, 2], output: "y") }.contains("has been unregistered"))
        #expect(memory.bytes == [0, 0] && other.bytes == [0, 0])
    }

    @Test("a registration in JSON says key and size, and nothing that is not known")
    func json() throws {
        let whole = try SharedMemoryRoutes.registration(Array(#"{"key":"/x","offset":4,"byte_size":8}"#.utf8))
        #expect(whole.key == "/x" && whole.offset == 4 && whole.byteCount == 8)
        #expect(try SharedMemoryRoutes.registration(Array(#"{"byte_size":8,"key":"/x"}"#.utf8)).offset == 0)
        for (text, words) in [
            (#"{"byte_size":8}"#, "'key' is missing"), (#"{"key":"/x"}"#, "'byte_size' is missing"),
            (#"{"key":"/x","size":1}"#, "has 'size', which is not known"), ("", "no JSON"),
            (#"{"key":1}"#, "'key' must be a string"), (#"{"byte_size":"8"}"#, "'byte_size' must be a whole number"),
        ] {
            #expect(
                try message { _ = try SharedMemoryRoutes.registration(Array(text.utf8)) }.contains(words), "\(text)")
        }
    }

    @Test("listeners that other machines reach have no shared memory without control tokens")
    func access() throws {
        let gate = Gate()
        #expect(gate.forListener(.init(host: "127.0.0.1", port: 1), hosts: nil).sharedMemoryRefusal == nil)
        let open = gate.forListener(.init(host: "0.0.0.0", port: 1), hosts: nil)
        #expect(open.sharedMemoryRefusal?.kind == .forbidden)
        #expect(Gate.Purpose(service: GRPCService.name, method: "SystemSharedMemoryRegister") == .control)
        #expect(Gate.Purpose(service: GRPCService.name, method: "CudaSharedMemoryStatus") == .control)
    }
}
