import DarisRuntime
import Foundation
import ONNXRuntime

/// An output as its largest elements: Triton's extension for classifiers.
///
/// Each is a string, `value:index`, the largest first; of equal ones the first. No number (NaN) is the least. An index counts
/// the elements of the whole output; where the model takes a batch, those of one item of it.
enum Classification {
    /// The most classes that a request may ask for.
    static let limit = 65_536

    /// Makes sure that an output can be answered so.
    static func check(_ tensor: ModelSignature.Tensor, classes: Int) throws(InferenceError) {
        guard tensor.elementType != .string, tensor.elementType != .bool else {
            throw InferenceError(
                .invalid,
                "parameter 'classification' of output '\(tensor.name)': it is \(tensor.elementType.protocolName), and "
                    + "only numbers have largest ones")
        }
        guard classes <= limit else {
            throw InferenceError(
                .invalid,
                "parameter 'classification' of output '\(tensor.name)' is \(classes); \(limit) is the limit here")
        }
    }

    /// The output in place of a numeric one: strings, as many as are asked for or there are.
    ///
    /// - Parameter batch: the items that the model takes at a time. If there are several, an output whose first extent that
    ///   is has classes for each.
    static func output(
        _ tensor: ModelSignature.Tensor, _ bytes: [UInt8], classes: Int, batch: Int
    ) -> (ModelSignature.Tensor, [UInt8]) {
        let isBatched = batch > 1 && tensor.shape.count > 1 && tensor.shape[0] == batch
        let rows = isBatched ? batch : 1
        let length = bytes.count / rows
        let strings = bytes.withUnsafeBytes { bytes in
            (0..<rows).map { row in
                largest(
                    UnsafeRawBufferPointer(rebasing: bytes[row * length..<(row + 1) * length]), tensor.elementType,
                    count: classes)
            }
        }
        let found = strings[0].count
        return (
            .init(name: tensor.name, elementType: .string, shape: isBatched ? [rows, found] : [found]),
            EncodedStrings.encode(strings.joined().map(\.utf8))
        )
    }

    private static func largest(_ bytes: UnsafeRawBufferPointer, _ type: ElementType, count: Int) -> [String] {
        func whole<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) -> [String] {
            let numbers: [Number] = Self.numbers(bytes)
            return places(numbers, count: count).map { "\(numbers[$0]):\($0)" }
        }
        func floating<Bits: FixedWidthInteger & BitwiseCopyable>(_ value: (Bits) -> Double) -> [String] {
            let bits: [Bits] = Self.numbers(bytes)
            let numbers = bits.map { bits in
                let number = value(bits)
                return number.isNaN ? -.infinity : number
            }
            return places(numbers, count: count).map { String(format: "%f:%ld", value(bits[$0]), $0) }
        }
        return switch type {
        case .uint8: whole(UInt8.self)
        case .uint16: whole(UInt16.self)
        case .uint32: whole(UInt32.self)
        case .uint64: whole(UInt64.self)
        case .int8: whole(Int8.self)
        case .int16: whole(Int16.self)
        case .int32: whole(Int32.self)
        case .int64: whole(Int64.self)
        case .float16: floating { (bits: UInt16) in Double(Float16(bitPattern: bits)) }
        case .bfloat16: floating { (bits: UInt16) in Double(Float(bitPattern: UInt32(bits) << 16)) }
        case .float32: floating { (bits: UInt32) in Double(Float(bitPattern: bits)) }
        case .float64: floating { (bits: UInt64) in Double(bitPattern: bits) }
        case .bool, .string: preconditionFailure("classes are of numbers")
        }
    }

    private static func numbers<Number: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer) -> [Number] {
        let size = MemoryLayout<Number>.size
        return (0..<bytes.count / size).map { bytes.loadUnaligned(fromByteOffset: $0 * size, as: Number.self) }
    }

    /// Where the largest numbers are. Goes through all of them once, and orders a few times as many as are wanted.
    private static func places<Number: Comparable>(_ numbers: [Number], count: Int) -> [Int] {
        func isBefore(_ left: Int, _ right: Int) -> Bool {
            numbers[left] > numbers[right] || numbers[left] == numbers[right] && left < right
        }
        var best: [Int] = []
        func keepBest() {
            best.sort(by: isBefore)
            best.removeLast(max(0, best.count - count))
        }
        // The least that is still of interest, when there are enough.
        var least: Number?
        for place in numbers.indices {
            if let least, numbers[place] <= least { continue }
            best.append(place)
            if best.count >= 2 * max(count, 256) {
                keepBest()
                least = best.last.map { numbers[$0] }
            }
        }
        keepBest()
        return best
    }
}
