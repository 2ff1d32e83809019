import Foundation
import Testing

@testable import ONNXRuntime

@Suite("Tensors of strings")
struct StringTensorTests {
    let fixture: Fixture

    /// Empty ones, UTF-8, zeros within, bytes that are no UTF-8, and one too long to lie within a C++ string itself.
    static let awkward: [[UInt8]] = [
        [], Array("größer 🚀".utf8), [0, 1, 0], [0xff, 0xfe], [UInt8](repeating: 7, count: 100_000), [],
    ]

    init() throws { fixture = try Fixture.make() }

    private func tensor(_ strings: [[UInt8]], _ shape: [Int]? = nil) throws -> Tensor {
        try Tensor(
            library: fixture.library, strings: EncodedStrings.encode(strings), shape: shape ?? [strings.count])
    }

    private func strings(_ tensor: Tensor) throws -> [[UInt8]]? { EncodedStrings.decode(try tensor.encodedStrings()) }

    @Test("strings are encoded with their lengths before them, and decoded as they were")
    func encoding() {
        let bytes = EncodedStrings.encode(["one".utf8, "".utf8])
        #expect(bytes == [3, 0, 0, 0] + Array("one".utf8) + [0, 0, 0, 0])
        #expect(EncodedStrings.decode(bytes) == [Array("one".utf8), []])
        #expect(EncodedStrings.decode([]) == [])
        let awkward = EncodedStrings.encode(Self.awkward)
        #expect(EncodedStrings.decode(awkward) == Self.awkward && EncodedStrings.count(awkward) == 6)
    }

    @Test(
        "lengths that reach beyond the end are no encoding",
        arguments: [
            [0], [1, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0, 9], [0, 0, 0, 0, 5], [255, 255, 255, 255, 1],
        ] as [[UInt8]])
    func brokenEncoding(bytes: [UInt8]) {
        #expect(EncodedStrings.decode(bytes) == nil)
        #expect(EncodedStrings.count(bytes) == nil)
    }

    @Test("a new tensor holds empty strings; any bytes can be stored and read back")
    func storage() throws {
        let tensor = try Tensor(library: fixture.library, elementType: .string, shape: [2, 3])
        #expect(tensor.elementType == .string && tensor.shape == [2, 3] && tensor.elementCount == 6)
        #expect(tensor.byteCount == 0)
        #expect(try strings(tensor) == [[UInt8]](repeating: [], count: 6))
        try tensor.setStrings(EncodedStrings.encode(Self.awkward))
        #expect(try strings(tensor) == Self.awkward)
        // Shorter and longer than those before.
        try tensor.setStrings(EncodedStrings.encode(Self.awkward.reversed()))
        #expect(try strings(tensor) == Self.awkward.reversed())
    }

    @Test("a tensor may have no strings, or a single one without dimensions")
    func fewest() throws {
        #expect(try tensor([], [0, 4]).encodedStrings() == [])
        #expect(try strings(tensor([[1, 2]], [])) == [[1, 2]])
    }

    @Test("bytes that are not as many strings as there are elements change nothing")
    func wrongCount() throws {
        let tensor = try tensor([[1], [2]])
        for bytes in [EncodedStrings.encode([[9]]), EncodedStrings.encode([[9], [9], [9]]), [9, 0, 0, 0], []] {
            let error = #expect(throws: ONNXRuntimeError.self) { try tensor.setStrings(bytes) }
            #expect(error?.description.contains("not 2 strings") == true)
        }
        #expect(try strings(tensor) == [[1], [2]])
    }

    @Test("tensors of strings over a caller's memory, or of an invalid shape, are refused")
    func refused() throws {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 64)
        defer { bytes.deallocate() }
        let error = #expect(throws: ONNXRuntimeError.self) {
            try Tensor(elementType: .string, shape: [2], over: bytes, in: fixture.library.hostMemory)
        }
        #expect(error?.description.contains("no fixed size") == true)
        for shape in [[-1], [-1, -1], [Int.max, 2]] {
            #expect(throws: ONNXRuntimeError.self) {
                try Tensor(library: fixture.library, elementType: .string, shape: shape)
            }
        }
    }

    @Test("a model of strings returns them unchanged")
    func identity() throws {
        let session = try fixture.session(TestModels.text)
        #expect(session.inputs[0].type.elementType == .string && session.outputs[0].type.elementType == .string)
        let output = try session.run(inputs: ["x": tensor(Self.awkward)])[0]
        #expect(output.shape == [6])
        #expect(try strings(output) == Self.awkward)
    }

    @Test("strings and numbers go through a model together")
    func mixed() throws {
        let (a, b): ([[UInt8]], [[UInt8]]) = ([[1], [2, 2]], [[3, 3, 3], []])
        let outputs = try fixture.session(TestModels.choose).run(
            inputs: ["x": fixture.tensor([0, 5] as [Float], [2]), "a": tensor(a), "b": tensor(b)],
            outputs: ["text", "y"])
        #expect(try strings(outputs[0]) == [b[0], a[1]])
        #expect(outputs[1].elements(as: Float.self) == [1, 6])
    }

    @Test("a bound tensor of strings is read and written in place at every run")
    func binding() throws {
        let session = try fixture.session(TestModels.text)
        let binding = try IOBinding(session: session)
        let x = try tensor(Self.awkward)
        let y = try Tensor(library: fixture.library, elementType: .string, shape: [6])
        try binding.bind(x, toInput: "x")
        try binding.bind(y, toOutput: "y")
        try session.run(binding: binding)
        #expect(try strings(y) == Self.awkward)
        try x.setStrings(EncodedStrings.encode(Self.awkward.reversed()))
        try session.run(binding: binding)
        #expect(try strings(y) == Self.awkward.reversed())

        try binding.bindOutput("y", to: fixture.library.hostMemory)
        try session.run(binding: binding)
        #expect(try strings(#require(try binding.outputs()["y"])) == Self.awkward.reversed())
    }

    @Test("a bound output of another shape fails the run, and later runs are not affected")
    func wrongShape() throws {
        let session = try fixture.session(TestModels.text)
        let binding = try IOBinding(session: session)
        let y = try Tensor(library: fixture.library, elementType: .string, shape: [2])
        try binding.bind(tensor([[1], [2], [3]]), toInput: "x")
        try binding.bind(y, toOutput: "y")
        #expect(throws: ONNXRuntimeError.self) { try session.run(binding: binding) }
        try binding.bind(tensor([[1], [2]]), toInput: "x")
        try session.run(binding: binding)
        #expect(try strings(y) == [[1], [2]])
    }

    @Test("tensors of strings made, filled, run, read and dropped leave nothing behind")
    func nothingLeaks() async {
        // In a process of its own, whose memory no other test changes.
        await #expect(processExitsWith: .success) { try Self.makeAndDrop() }
    }

    private static func makeAndDrop() throws {
        let library = try ONNXRuntimeLibrary.open()
        let baseline = library.liveHandleCount
        let long = EncodedStrings.encode([[UInt8](repeating: 1, count: 50_000), [UInt8](repeating: 2, count: 70_000)])
        func cycle() throws {
            let environment = try Environment(library: library)
            let session = try Session(environment: environment, model: TestModels.text)
            let x = try Tensor(library: library, strings: long, shape: [2])
            let output = try session.run(inputs: ["x": x])[0]
            #expect(try output.encodedStrings() == long)
            _ = try? x.setStrings([1])
            _ = try? Tensor(library: library, strings: long, shape: [3])
        }
        for _ in 0..<50 { try cycle() }
        let before = ResidentMemory.bytes
        for _ in 0..<1_000 { try cycle() }
        #expect(library.liveHandleCount == baseline)
        // Leaked strings of one side alone take 120 MB.
        #expect(ResidentMemory.bytes - before < 40 << 20)
    }
}
