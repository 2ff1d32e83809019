import DarisConfiguration
import DarisONNX
import Foundation
import ONNXRuntime

extension ModelStore {
    /// A model in half precision, once it has been seen to give what the original gives.
    ///
    /// - Throws: ``PreparationError/unsupported(name:reason:)`` if an output differs by more than
    ///   ``HalfPrecisionCheck/bound``.
    func inHalfPrecision(
        _ declaration: ModelDeclaration, _ source: Source, progress: StepHandler
    ) throws(PreparationError) -> Source {
        let name = declaration.name
        progress("converting \(name) to half precision")
        let half = try onnx(name) { () throws(ONNXError) in try HalfPrecision(of: source.model) }
        switch half.unchanged {
        case .quantised(let operatorName):
            var result = source
            result.notes.append(
                "model '\(name)' is quantised (\(operatorName)) and runs as it is, not in half precision")
            return result
        case .nothingToConvert:
            var result = source
            result.notes.append("model '\(name)' runs as it is: none of its nodes is worth half precision")
            return result
        case nil: break
        }
        let figure = try checked(declaration, source, progress: progress)
        let count = half.nodesInHalf + half.nodesInFloat
        return Source(
            model: half.model, hash: ContentHash.of(Self.format, source.hash, "half 1"),
            notes: [
                "model '\(name)' runs in half precision (\(half.nodesInHalf) of \(count) nodes); "
                    + "its outputs differ by up to \(Self.share(figure.difference)) of their largest number"
            ])
    }

    /// The largest difference of a model's outputs, from the cache if it has been measured.
    private func checked(
        _ declaration: ModelDeclaration, _ source: Source, progress: StepHandler
    ) throws(PreparationError) -> HalfPrecisionCheck.Figure {
        let (name, dimensions) = (declaration.name, declaration.dimensions)
        let key = ContentHash.of(
            Self.format, source.hash, "half 1", environment.library.version,
            "\(dimensions.sorted { $0.key < $1.key })")
        let entry = "half/\(key).json"
        var figure = cache.read(entry, as: HalfPrecisionCheck.Figure.self)
        if figure == nil {
            progress("comparing \(name) in half precision with the original")
            let check = HalfPrecisionCheck(environment: environment, threads: threads, dimensions: dimensions)
            let found = try check.largestDifference(of: source.model, name: name)
            cache.write(found, to: entry)
            figure = found
        }
        guard let figure, figure.difference <= HalfPrecisionCheck.bound else {
            let found = figure.map { "its output '\($0.output)' differs by \(Self.share($0.difference))" } ?? ""
            throw .unsupported(
                name: name,
                reason: "in half precision \(found) of its largest number on random inputs, more than the "
                    + "\(Self.share(HalfPrecisionCheck.bound)) allowed; use 'gpu: {precision: tf32}'")
        }
        return figure
    }

    private static func share(_ value: Double) -> String {
        value < 100 ? String(format: "%.2g %%", value * 100) : "more than a hundredfold"
    }
}

/// Compares a model in half precision with the original, on the CPU.
///
/// What is run is ``HalfPrecision/Form/rounded``: float32 with every value rounded that a GPU would store as float16, and
/// infinity where it is out of range. A CPU itself would compute most operators in float32 without rounding between them.
struct HalfPrecisionCheck {
    /// The most by which an output may differ, as a share of its largest number.
    static let bound = 0.01

    /// The output that differs most.
    struct Figure: Codable, Hashable {
        var output: String
        /// Of floats the largest difference as a share of the original's largest number; of other elements the share that
        /// differs. Large but finite if an output has another shape, or is a number in one case and none in the other.
        var difference: Double
    }

    let environment: Environment
    let threads: Int
    let dimensions: [String: Int]

    /// Runs both on random inputs at batch 1, once with many zeros.
    func largestDifference(of model: ONNXModel, name: String) throws(PreparationError) -> Figure {
        let rounded = try onnx(name) { () throws(ONNXError) in try HalfPrecision(of: model, form: .rounded).model }
        let original = try session(model, name: name)
        let converted = try session(rounded, name: "\(name), in half precision")
        let inputs = try InputShapes.resolve(original.inputs, model: name, batch: 1, dimensions: dimensions)
        var largest = Figure(output: original.outputs.first?.name ?? "", difference: 0)
        for (seed, isSparse) in [(UInt64(1), false), (2, true)] {
            let figure = try runtime(name) { () throws(ONNXRuntimeError) in
                let tensors = try InputShapes.randomTensors(
                    inputs, library: environment.library, seed: seed, isSparse: isSparse)
                let expected = try original.run(inputs: tensors)
                let found = try converted.run(inputs: tensors, outputs: original.outputs.map(\.name))
                return try Self.largest(found, expected, names: original.outputs.map(\.name))
            }
            if let figure, figure.difference > largest.difference { largest = figure }
        }
        return largest
    }

    private func session(_ model: ONNXModel, name: String) throws(PreparationError) -> Session {
        var options = SessionOptions()
        options.intraOpThreads = threads
        options.freeDimensionOverrides = dimensions
        let bytes = try onnx(name) { () throws(ONNXError) in try model.serialized() }
        let (environment, options_) = (environment, options)
        return try runtime(name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: .bytes(bytes, name: name), options: options_)
        }
    }

    private static func largest(
        _ found: [Tensor], _ expected: [Tensor], names: [String]
    ) throws(ONNXRuntimeError) -> Figure? {
        var largest: Figure?
        for (index, name) in names.enumerated() {
            let difference = try difference(found[index], expected[index])
            if difference > largest?.difference ?? -1 { largest = Figure(output: name, difference: difference) }
        }
        return largest
    }

    /// How much two tensors differ; see ``Figure/difference``.
    static func difference(_ found: Tensor, _ expected: Tensor) throws(ONNXRuntimeError) -> Double {
        guard found.shape == expected.shape, found.elementType == expected.elementType else {
            return .greatestFiniteMagnitude
        }
        switch expected.elementType {
        case .float32: return difference(found.elements(as: Float.self), expected.elements(as: Float.self))
        case .float64: return difference(found.elements(as: Double.self), expected.elements(as: Double.self))
        case .string: return try found.encodedStrings() == expected.encodedStrings() ? 0 : 1
        default:
            guard let size = expected.elementType.byteSize, expected.elementCount > 0 else { return 0 }
            let count = expected.withUnsafeBytes { expected in
                found.withUnsafeBytes { found in
                    stride(from: 0, to: expected.count, by: size).count { start in
                        !expected[start..<start + size].elementsEqual(found[start..<start + size])
                    }
                }
            }
            return Double(count) / Double(expected.elementCount)
        }
    }

    private static func difference<Element: BinaryFloatingPoint>(_ found: [Element], _ expected: [Element]) -> Double {
        var (largest, difference) = (0.0, 0.0)
        for (found, expected) in zip(found, expected) {
            let (found, expected) = (Double(found), Double(expected))
            if found == expected || found.isNaN && expected.isNaN {
                if expected.isFinite { largest = max(largest, abs(expected)) }
                continue
            }
            guard found.isFinite, expected.isFinite else { return .greatestFiniteMagnitude }
            largest = max(largest, abs(expected))
            difference = max(difference, abs(found - expected))
        }
        guard difference > 0 else { return 0 }
        return largest > 0 ? min(difference / largest, .greatestFiniteMagnitude) : .greatestFiniteMagnitude
    }
}
