#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The built-in simulated GPUs, and those in device files.
package enum GPUCatalogue {
    /// The names of the built-in GPUs.
    package static let names = ["rtx2080ti", "h200", "a100", "orin"]

    /// A built-in device, or the one in a file if `name` ends in `.json`.
    ///
    /// - Throws: `GPUModelError` with the device or file, and valid values.
    package static func device(_ name: String) throws(GPUModelError) -> GPUModel {
        if name.hasSuffix(".json") {
            let bytes: Data
            do { bytes = try Data(contentsOf: URL(filePath: name)) } catch {
                throw GPUModelError("\(name): the device file cannot be read; is it there, and a file?")
            }
            guard bytes.count <= sizeLimit else {
                throw GPUModelError("\(name): a device file has at most \(sizeLimit >> 20) MiB")
            }
            return try read(bytes, file: name)
        }
        guard let bytes = builtin(name) else {
            throw GPUModelError(
                "there is no simulated device '\(name)'; use \(names.joined(separator: ", ")), or a device file "
                    + "(NAME.json)")
        }
        return try read(Data(bytes), file: name)
    }

    /// The largest device file in bytes.
    package static let sizeLimit = 4 << 20

    private static func builtin(_ name: String) -> [UInt8]? {
        switch name {
        case "rtx2080ti": PackageResources.rtx2080ti_json
        case "h200": PackageResources.h200_json
        case "a100": PackageResources.a100_json
        case "orin": PackageResources.orin_json
        default: nil
        }
    }

    /// The text of a device file.
    package static func encoded(_ gpu: GPUModel) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { return try encoder.encode(gpu) + Data("\n".utf8) } catch {
            preconditionFailure("a device has a number that JSON cannot say: \(error)")
        }
    }

    static func read(_ bytes: Data, file: String) throws(GPUModelError) -> GPUModel {
        let decoder = JSONDecoder()
        do {
            if let prediction = try? decoder.decode(Prediction.self, from: bytes) {
                let gpu = try device(prediction.scaledFrom).scaled(to: prediction)
                if let problem = gpu.problem() { throw GPUModelError("\(file): \(problem)") }
                return gpu
            }
            let gpu = try decoder.decode(GPUModel.self, from: bytes)
            if let problem = gpu.problem() { throw GPUModelError("\(file): \(problem)") }
            return gpu
        } catch let error as GPUModelError {
            throw error
        } catch {
            throw GPUModelError("\(file): \(reason(error))")
        }
    }

    static func reason(_ error: any Error) -> String {
        func path(_ keys: [any CodingKey]) -> String { keys.map(\.stringValue).joined(separator: ".") }
        return switch error as? DecodingError {
        case .keyNotFound(let key, let context)?:
            "'\(path(context.codingPath + [key]))' is missing; docs/gpu-model.md describes every field of a device file"
        case .typeMismatch(let type, let context)?, .valueNotFound(let type, let context)?:
            "'\(path(context.codingPath))' must be of type \(type)"
        default: "it is not JSON"
        }
    }

    /// A device file with data-sheet figures only; the rest is scaled from another device.
    struct Prediction: Codable {
        var title: String
        var scaledFrom: String
        var processors: Int
        var granularity: Int
        var memoryMiB: Double
        var peakTFLOPS: Double
        var bandwidthGBs: Double
        /// The power limit of the board in W, from the data sheet, and that of the card it is scaled from; both or none.
        var boardWatts: Double?
        var scaledFromWatts: Double?
    }
}

/// Why a device cannot be simulated.
package struct GPUModelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and what is valid.
    package let description: String

    init(_ description: String) { self.description = description }
}

extension GPUModel {
    /// This device's costs scaled to another data sheet (docs/gpu-model.md, equations 9 to 11). Work scales with the
    /// peak rate of one SM, and the bandwidth share with the memory traffic of that work. Host times and the SMs that a
    /// small batch can fill do not change.
    func scaled(to other: GPUCatalogue.Prediction) -> GPUModel {
        let speed = other.peakTFLOPS / Double(other.processors) / (peakTFLOPS / Double(processors))
        let size = Double(other.processors) / Double(processors)
        let bandwidth = other.bandwidthGBs / bandwidthGBs
        var gpu = self
        gpu.title = other.title
        gpu.source =
            "predicted from data-sheet figures and the costs measured on \(title); not measured on this card"
        gpu.isMeasured = false
        gpu.processors = other.processors
        gpu.granularity = other.granularity
        gpu.memoryMiB = other.memoryMiB
        gpu.peakTFLOPS = other.peakTFLOPS
        gpu.bandwidthGBs = other.bandwidthGBs
        if let power, let watts = other.boardWatts, let own = other.scaledFromWatts, own > 0 {
            gpu.power = PowerModel(
                idleWatts: power.idleWatts * watts / own, busyWatts: power.busyWatts * watts / own, isMeasured: false)
        } else {
            gpu.power = nil
        }
        gpu.graphs = graphs.map { $0.scaled(speed: speed, size: size, bandwidth: bandwidth) }
        gpu.networks = networks.mapValues { cost in
            var cost = cost
            cost.workSMms /= speed
            cost.parallelism = min(cost.parallelism, Double(other.processors))
            cost.batchedParallelism *= size
            cost.bandwidthShare = min(1, cost.bandwidthShare * bandwidth / (size * speed))
            return cost
        }
        return gpu
    }
}
