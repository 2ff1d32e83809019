import Foundation
import Testing

@testable import DarisRuntime

@Suite("The memory that there is")
struct MachineMemoryTests {
    private func limit(_ groups: String, _ files: [String: String]) throws -> Int {
        let folder = try TemporaryFolder()
        try groups.write(toFile: folder.path + "/groups", atomically: false, encoding: .utf8)
        for (name, text) in files {
            let path = folder.path + "/root/" + name
            try FileManager.default.createDirectory(
                atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path, withIntermediateDirectories: true)
            try text.write(toFile: path, atomically: false, encoding: .utf8)
        }
        return MachineMemory(total: 1000, root: folder.path + "/root", groups: folder.path + "/groups").limit
    }

    @Test("a control group's limit counts, and those of the groups above it")
    func groups() throws {
        #expect(try limit("", [:]) == 1000)
        #expect(try limit("0::/a/b\n", ["a/b/memory.max": "max\n"]) == 1000)
        #expect(try limit("0::/a/b\n", ["a/b/memory.max": "500\n", "a/memory.max": "max\n"]) == 500)
        #expect(try limit("0::/a/b\n", ["a/b/memory.max": "500\n", "a/memory.max": "400\n"]) == 400)
        #expect(try limit("0::/\n", ["memory.max": "300\n"]) == 300)
        #expect(
            try limit("3:cpu:/x\n2:memory,hugetlb:/a\n", ["memory/a/memory.limit_in_bytes": "200\n"]) == 200)
    }

    @Test("what tensors take is counted without going over the largest number")
    func sizes() throws {
        func tensor(_ shape: [Int]) -> InputShapes.Input { .init(name: "x", elementType: .float32, shape: shape) }
        #expect(MachineMemory.bytes(of: [tensor([2, 3]), tensor([])]) == 28)
        #expect(MachineMemory.bytes(of: [tensor([.max, .max, 0])]) == 0)
        #expect(MachineMemory.bytes(of: [tensor([.max, 2])]) == nil)
        #expect(MachineMemory.bytes(of: [tensor([1 << 60]), tensor([1 << 60])]) == nil)
        #expect(MachineMemory.bytes(of: [.init(name: "t", elementType: .string, shape: [2])]) == 64)
        let own = MachineMemory(total: 1 << 30, root: "/none", groups: "/none")
        #expect(own.problem(with: [tensor([1 << 28])]) == nil)
        #expect(own.problem(with: [tensor([1 << 28]), tensor([1])]) == "1.0 GiB, and there are 1.0 GiB of memory")
    }
}
