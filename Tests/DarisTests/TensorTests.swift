import Daris
import Testing

@Suite("Tensors")
struct TensorTests {
    private func returns<Element: TensorElement & Equatable>(_ values: [Element], _ type: ElementType, bytes: Int)
        throws
    {
        let tensor = Tensor(values)
        #expect(tensor.elementType == type && tensor.shape == [values.count] && tensor.bytes.count == bytes)
        #expect(try tensor.values(as: Element.self) == values)
    }

    @Test("values of every type come back as they went in")
    func values() throws {
        try returns([1.5, -0.0, .infinity] as [Float], .float32, bytes: 12)
        try returns([1e300, -1] as [Double], .float64, bytes: 16)
        try returns([0.5, -2] as [Float16], .float16, bytes: 4)
        try returns([.min, 7, .max] as [Int], .int64, bytes: 24)
        try returns([.min, 7, .max] as [Int64], .int64, bytes: 24)
        try returns([.min, 7, .max] as [Int32], .int32, bytes: 12)
        try returns([.min, 7, .max] as [Int16], .int16, bytes: 6)
        try returns([.min, 7, .max] as [Int8], .int8, bytes: 3)
        try returns([1, .max] as [UInt64], .uint64, bytes: 16)
        try returns([1, .max] as [UInt32], .uint32, bytes: 8)
        try returns([1, .max] as [UInt16], .uint16, bytes: 4)
        try returns([1, .max] as [UInt8], .uint8, bytes: 2)
        try returns([true, false], .bool, bytes: 2)
        try returns(["größer 🚀", "", "b"], .string, bytes: 3 * 4 + 13 + 1)
        try returns([] as [Float], .float32, bytes: 0)
    }

    @Test("bytes other than 0 are true")
    func truth() throws {
        let tensor = Tensor(bytes: [0, 1, 2, 255], elementType: .bool, shape: [4])
        #expect(try tensor.values(as: Bool.self) == [false, true, true, true])
    }

    @Test("values of another type are refused, not reinterpreted")
    func otherType() {
        let tensor = Tensor([1, 2] as [Float])
        #expect(throws: TensorError.elementType(.float32, requested: .int32)) { try tensor.values(as: Int32.self) }
        #expect(
            "\(TensorError.elementType(.float32, requested: .int32))" == "the tensor's elements are float32, not int32")
    }

    @Test("bytes that break off within an element are no values")
    func truncated() {
        let numbers = Tensor(bytes: [0, 0, 0, 0, 0], elementType: .float32, shape: [1])
        #expect(throws: TensorError.truncated(.float32, byteCount: 5)) { try numbers.values(as: Float.self) }
        let strings = Tensor(bytes: [9, 0, 0, 0, 65], elementType: .string, shape: [1])
        #expect(throws: TensorError.truncated(.string, byteCount: 5)) { try strings.values(as: String.self) }
    }
}
