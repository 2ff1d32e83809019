import Synchronization
import Testing

@testable import ONNXRuntime

@Suite("Tensors")
struct TensorTests {
    let fixture: Fixture

    init() throws { fixture = try Fixture.make() }

    @Test(
        "a new tensor is zero and starts at a multiple of 64 bytes",
        arguments: ElementType.allCases.filter { $0 != .string })
    func zeroed(elementType: ElementType) throws {
        let size = try #require(elementType.byteSize)
        let tensor = try Tensor(library: fixture.library, elementType: elementType, shape: [3, 5])
        #expect(tensor.byteCount == 15 * size)
        #expect(tensor.elementCount == 15)
        #expect(Int(bitPattern: tensor.address) % 64 == 0)
        #expect(tensor.withUnsafeBytes { $0.allSatisfy { $0 == 0 } })
    }

    @Test("elements are stored and read back in order")
    func elements() throws {
        #expect(try fixture.tensor([1, -2, 3] as [Int64], [3, 1]).elements(as: Int64.self) == [1, -2, 3])
        #expect(try fixture.tensor([true, false], [2]).elements(as: Bool.self) == [true, false])
        #expect(try fixture.tensor([0.5] as [Double], []).elements(as: Double.self) == [0.5])
    }

    @Test("a shape that does not fit the elements is refused with both sizes")
    func wrongSize() {
        let error = #expect(throws: ONNXRuntimeError.self) { try fixture.tensor([1, 2] as [Float], [3]) }
        #expect(error == .wrongSize(shape: [3], elementType: .float32, expectedBytes: 12, foundBytes: 8))
    }

    @Test("a negative or too large extent is refused")
    func badExtents() {
        for shape in [[-1], [Int.max, 2]] {
            #expect(throws: ONNXRuntimeError.self) {
                try Tensor(library: fixture.library, elementType: .float32, shape: shape)
            }
        }
    }

    @Test("a tensor may have no elements")
    func empty() throws {
        let session = try fixture.session(TestModels.addOne)
        let outputs = try session.run(inputs: ["x": fixture.tensor([Float](), [0, 3])])
        #expect(outputs[0].shape == [0, 3])
        #expect(outputs[0].elements(as: Float.self).isEmpty)
    }

    @Test("a tensor for which there is no memory is an error with its size, not a crash")
    func noMemory() {
        for shape in [[1 << 50], [1 << 30, 1 << 30], [.max, 2]] {
            let error = #expect(throws: ONNXRuntimeError.self) {
                try Tensor(library: fixture.library, elementType: .float32, shape: shape)
            }
            guard case .invalidTensor(shape, .float32, _)? = error else {
                Issue.record("unexpected: \(String(describing: error))")
                continue
            }
        }
    }

    @Test("a tensor over the caller's memory reads it in place and keeps its owner")
    func callersMemory() throws {
        final class Memory: Sendable {
            nonisolated(unsafe) let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 12, alignment: 64)
            deinit { bytes.deallocate() }
        }
        weak var owner: Memory?
        do {
            let memory = Memory()
            owner = memory
            let x = try Tensor(
                elementType: .float32, shape: [1, 3], over: memory.bytes, in: fixture.library.hostMemory,
                keeping: memory)
            memory.bytes.copyBytes(
                from: [5, 6, 7].flatMap { (value: Float) in withUnsafeBytes(of: value) { Array($0) } })
            let output = try fixture.session(TestModels.addOne).run(inputs: ["x": x])[0]
            #expect(output.elements(as: Float.self) == [6, 7, 8])
            #expect(owner != nil)
        }
        #expect(owner == nil)
    }
}
