import DarisCore
import DarisONNX
import ONNXRuntime

/// The shapes of a model's inputs once the batch and the other symbolic dimensions have values.
struct InputShapes {
    /// A name and what a tensor for it must be.
    struct Input: Hashable, Sendable, Codable {
        var name: String
        var elementType: ElementType
        var shape: [Int]
    }

    /// The inputs of a model.
    ///
    /// - Parameters:
    ///   - batch: for the first dimension of each input that leaves it open.
    ///   - dimensions: for the other symbolic dimensions, by name.
    static func resolve(
        _ inputs: [ValueInfo], model: String, batch: Int, dimensions: [String: Int]
    ) throws(PreparationError) -> [Input] {
        var resolved: [Input] = []
        for input in inputs {
            var shape: [Int] = []
            for (place, dimension) in input.type.dimensions.enumerated() {
                switch dimension {
                case .fixed(let length):
                    shape.append(length)
                case .symbolic(let name):
                    if let length = dimensions[name] {
                        shape.append(length)
                    } else if place == 0 {
                        shape.append(batch)
                    } else {
                        throw .unsupported(
                            name: model,
                            reason: "dimension \(place) of its input '\(input.name)' is the symbol '\(name)'; give it "
                                + "a value, for example 'dimensions: {\(name): 128}' under the model in a task set, or "
                                + "'--dimension \(name)=128'")
                    }
                case .unknown:
                    guard place == 0 else {
                        throw .unsupported(
                            name: model,
                            reason:
                                "dimension \(place) of its input '\(input.name)' has neither a length nor a name; export "
                                + "the model with a fixed length or a named dimension")
                    }
                    shape.append(batch)
                }
            }
            if batch != 1, let first = input.type.dimensions.first, case .fixed(let length) = first, length != batch {
                throw .unsupported(
                    name: model,
                    reason:
                        "its input '\(input.name)' has a fixed first dimension of \(length), so it cannot be run with batch "
                        + "\(batch); export it with a symbolic batch dimension")
            }
            resolved.append(Input(name: input.name, elementType: input.type.elementType, shape: shape))
            if let problem = MachineMemory.own.problem(with: resolved.suffix(1)) {
                throw .unsupported(
                    name: model,
                    reason: "its input '\(input.name)' of \(shape.map(String.init).joined(separator: " × ")) elements "
                        + "takes \(problem); give its dimensions smaller values, or export it with smaller ones")
            }
        }
        if let problem = MachineMemory.own.problem(with: resolved) {
            throw .unsupported(name: model, reason: "its inputs together take \(problem)")
        }
        return resolved
    }

    /// Tensors of seeded random elements: floats from 0 to 1, whole numbers 0 and 1, which are valid for indices and
    /// masks alike, and the same as strings, which are valid for text and for numbers in writing. If `isSparse`, every other
    /// element is 0.
    static func randomTensors(
        _ inputs: [Input], library: ONNXRuntimeLibrary, seed: UInt64, isSparse: Bool = false
    ) throws(ONNXRuntimeError) -> [String: Tensor] {
        var generator = SplitMix64(seed: seed)
        var tensors: [String: Tensor] = [:]
        for input in inputs {
            let tensor = try Tensor(library: library, elementType: input.elementType, shape: input.shape)
            if input.elementType == .string {
                try tensor.setStrings(digits(tensor.elementCount, isSparse: isSparse, from: &generator))
            } else {
                fill(tensor, from: &generator)
            }
            if isSparse, let size = input.elementType.byteSize {
                tensor.withUnsafeMutableBytes { bytes in
                    for start in stride(from: 0, to: bytes.count, by: 2 * size) {
                        bytes[start..<start + size].initializeMemory(as: UInt8.self, repeating: 0)
                    }
                }
            }
            tensors[input.name] = tensor
        }
        return tensors
    }

    private static func digits(_ count: Int, isSparse: Bool, from generator: inout SplitMix64) -> [UInt8] {
        EncodedStrings.encode(
            (0..<count).map { index in
                let isOne = generator.next() & 1 == 1 && !(isSparse && index % 2 == 0)
                return CollectionOfOne(UInt8(ascii: isOne ? "1" : "0"))
            })
    }

    private static func fill(_ tensor: Tensor, from generator: inout SplitMix64) {
        tensor.withUnsafeMutableBytes { bytes in
            func each<Element: BitwiseCopyable>(_ type: Element.Type, _ make: (UInt64) -> Element) {
                for index in 0..<bytes.count / MemoryLayout<Element>.size {
                    bytes.storeBytes(
                        of: make(generator.next()), toByteOffset: index * MemoryLayout<Element>.size, as: type)
                }
            }
            switch tensor.elementType {
            case .float32: each(Float.self) { Float($0 >> 40) / Float(1 << 24) }
            case .float64: each(Double.self) { Double($0 >> 11) / Double(1 << 53) }
            // A half of 0.5 to 1, a bfloat16 likewise: random mantissa bits under a fixed exponent.
            case .float16: each(UInt16.self) { 0x3800 | UInt16($0 & 0x3ff) }
            case .bfloat16: each(UInt16.self) { 0x3f00 | UInt16($0 & 0x7f) }
            case .bool, .int8, .uint8: each(UInt8.self) { UInt8($0 & 1) }
            case .int16, .uint16: each(UInt16.self) { UInt16($0 & 1) }
            case .int32, .uint32: each(UInt32.self) { UInt32($0 & 1) }
            case .int64, .uint64: each(UInt64.self) { $0 & 1 }
            case .string: break
            }
        }
    }
}
