import DarisRuntime
import ONNXRuntime
import Testing

@testable import DarisServer

@Suite("Outputs as classes")
struct ClassificationTests {
    private func tensor(_ type: ElementType, _ shape: [Int]) -> ModelSignature.Tensor {
        .init(name: "y", elementType: type, shape: shape)
    }

    private func bytes<Number>(_ numbers: [Number]) -> [UInt8] { numbers.withUnsafeBytes { Array($0) } }

    /// The strings of an output, and its shape.
    private func classes(
        _ type: ElementType, _ shape: [Int], _ bytes: [UInt8], _ count: Int, batch: Int = 1
    ) throws -> ([String], [Int]) {
        let (tensor, encoded) = Classification.output(tensor(type, shape), bytes, classes: count, batch: batch)
        #expect(tensor.elementType == .string && tensor.name == "y")
        let strings = try #require(EncodedStrings.decode(encoded))
        return (strings.map { String(decoding: $0, as: UTF8.self) }, tensor.shape)
    }

    @Test("the largest come first, equal ones in their order, as Triton writes them")
    func order() throws {
        let floats = bytes([1.1, 3.3, 0.5, 2.4, 3.3] as [Float])
        let (strings, shape) = try classes(.float32, [1, 5], floats, 3)
        #expect(strings == ["3.300000:1", "3.300000:4", "2.400000:3"] && shape == [3])
        let (all, allShape) = try classes(.float32, [1, 5], floats, 9)
        #expect(all.count == 5 && allShape == [5] && all.last == "0.500000:2")
    }

    @Test("every type of number has classes, compared as what it is")
    func types() throws {
        let cases: [(ElementType, [UInt8], [String])] = [
            (.int8, bytes([-1, 5, -128] as [Int8]), ["5:1", "-1:0"]),
            (.uint8, bytes([1, 255, 3] as [UInt8]), ["255:1", "3:2"]),
            (.int16, bytes([-300, 5, -1] as [Int16]), ["5:1", "-1:2"]),
            (.uint16, bytes([1, 65_535, 3] as [UInt16]), ["65535:1", "3:2"]),
            (.int32, bytes([-1, 7, 6] as [Int32]), ["7:1", "6:2"]),
            (.uint32, bytes([1, .max, 3] as [UInt32]), ["4294967295:1", "3:2"]),
            (.int64, bytes([.min, .max, .max - 1] as [Int64]), ["9223372036854775807:1", "9223372036854775806:2"]),
            (.uint64, bytes([1, .max, 3] as [UInt64]), ["18446744073709551615:1", "3:2"]),
            (.float16, bytes([0x3c00, 0xc000, 0x4200] as [UInt16]), ["3.000000:2", "1.000000:0"]),
            (.bfloat16, bytes([0x3f80, 0xc000, 0x4040] as [UInt16]), ["3.000000:2", "1.000000:0"]),
            (.float64, bytes([-0.25, .nan, -.infinity]), ["-0.250000:0", "nan:1"]),
        ]
        for (type, bytes, strings) in cases {
            let found = try classes(type, [3], bytes, 2).0
            #expect(found.map { $0.replacing("-nan", with: "nan") } == strings, "\(type)")
        }
    }

    @Test("a batch has classes for each of its items")
    func batch() throws {
        let numbers = bytes([1, 2, 3, 6, 5, 4] as [Int32])
        let (strings, shape) = try classes(.int32, [2, 3], numbers, 2, batch: 2)
        #expect(strings == ["3:2", "2:1", "6:0", "5:1"] && shape == [2, 2])
        let (whole, wholeShape) = try classes(.int32, [2, 3], numbers, 2)
        #expect(whole == ["6:3", "5:4"] && wholeShape == [2])
    }

    @Test("of many elements the same are found as by sorting all", arguments: [1, 5, 300, 5_000, 9_999])
    func many(count: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let numbers = (0..<10_000).map { _ in Int32(truncatingIfNeeded: generator.next() % 500) }
        let sorted = numbers.indices.sorted { (numbers[$0], -$0) > (numbers[$1], -$1) }
        let found = try classes(.int32, [10_000], bytes(numbers), count).0
        #expect(found == sorted.prefix(count).map { "\(numbers[$0]):\($0)" })
    }

    @Test("an output without elements has no classes")
    func empty() throws {
        let (strings, shape) = try classes(.float32, [0], [], 3)
        #expect(strings.isEmpty && shape == [0])
    }

    @Test("only numbers have classes, and not too many at a time")
    func refused() throws {
        for (type, classes, words) in [
            (ElementType.string, 1, "output 'y': it is BYTES"), (.bool, 1, "it is BOOL"),
            (.float32, Classification.limit + 1, "65536 is the limit"),
        ] {
            let error = try #require(throws: InferenceError.self) {
                try Classification.check(tensor(type, [4]), classes: classes)
            }
            #expect(error.kind == .invalid && error.message.contains(words), "\(error.message)")
        }
    }
}
