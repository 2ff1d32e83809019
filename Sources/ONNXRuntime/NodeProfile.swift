#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The execution time of one operator of a model.
///
/// ```swift
/// let nodes = try NodeProfile.measure(
///     environment: environment, model: .file("resnet18.onnx"), inputs: ["image": image])
/// let total = nodes.reduce(0) { $0 + $1.meanNanoseconds }
/// ```
///
/// These are the operators that run: after fusions, their names may differ from the model's.
package struct NodeProfile: Hashable, Sendable {
    /// The operator's name.
    package let name: String
    /// The operator's type, such as `Conv`.
    package let operatorType: String
    /// The mean time of a run, in nanoseconds; ONNX Runtime measures each run in whole microseconds.
    package let meanNanoseconds: Int64
    /// The runs measured.
    package let runs: Int

    /// Measures the operators of a model one by one.
    ///
    /// - Parameters:
    ///   - environment: The environment.
    ///   - model: The model.
    ///   - options: The session's options; an operator's time depends on the threads and on the optimisation of the
    ///     graph.
    ///   - inputs: A tensor for each input.
    ///   - warmUps: The runs before the first that counts.
    ///   - repeats: The runs that count.
    /// - Returns: The operators, in the order in which they first ran.
    /// - Precondition: `repeats` is positive and `warmUps` is not negative.
    package static func measure(
        environment: Environment, model: ModelSource, options: SessionOptions = SessionOptions(),
        inputs: [String: Tensor], warmUps: Int = 2, repeats: Int = 10
    ) throws(ONNXRuntimeError) -> [NodeProfile] {
        precondition(
            repeats > 0 && warmUps >= 0, "a profile needs runs: \(warmUps) to warm up and \(repeats) to measure")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("daris-profile-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .profileUnreadable(path: folder.path, reason: "its folder cannot be made: \(error)")
        }
        defer { try? FileManager.default.removeItem(at: folder) }

        var options = options
        options.profilePrefix = folder.appendingPathComponent("profile").path
        let session = try Session(environment: environment, model: model, options: options)
        for _ in 0..<(warmUps + repeats) { _ = try session.run(inputs: inputs) }
        let path = try session.endProfiling()
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw .profileUnreadable(path: path, reason: "\(error)")
        }
        return try read(data, path: path, skippingFirst: warmUps)
    }

    /// Reads a profile that ONNX Runtime wrote.
    ///
    /// - Parameters:
    ///   - data: The file's content.
    ///   - path: The file's path, for messages.
    ///   - skipped: The number of first runs of each operator that do not count.
    static func read(_ data: Data, path: String, skippingFirst skipped: Int) throws(ONNXRuntimeError) -> [NodeProfile] {
        let events: [ProfileEvent]
        do {
            events = try JSONDecoder().decode([ProfileEvent].self, from: data)
        } catch {
            throw .profileUnreadable(path: path, reason: "\(error)")
        }
        var order: [String] = []
        var operators: [String: (name: String, type: String, microseconds: [Int64])] = [:]
        for event in events {
            guard event.category == "Node", event.name.hasSuffix(ProfileEvent.suffix), let duration = event.duration,
                let details = event.details
            else { continue }
            let name = String(event.name.dropLast(ProfileEvent.suffix.count))
            // Names may repeat within a model; indices do not.
            let key = "\(details.index ?? "") \(name)"
            if operators[key] == nil {
                order.append(key)
                operators[key] = (name, details.operatorType ?? "", [])
            }
            operators[key]?.microseconds.append(duration)
        }
        return order.compactMap { key in
            guard let (name, type, all) = operators[key] else { return nil }
            let counted = all.dropFirst(skipped)
            guard !counted.isEmpty else { return nil }
            let mean = counted.reduce(0, +) * 1_000 / Int64(counted.count)
            return NodeProfile(name: name, operatorType: type, meanNanoseconds: mean, runs: counted.count)
        }
    }
}

/// The members of an event of ONNX Runtime's profile that Daris reads.
struct ProfileEvent: Decodable {
    /// The ending of an operator's event name, after the operator's name.
    static let suffix = "_kernel_time"

    struct Details: Decodable {
        let operatorType: String?
        /// The operator's index in the graph.
        let index: String?

        enum CodingKeys: String, CodingKey {
            case operatorType = "op_name"
            case index = "node_index"
        }
    }

    let category: String?
    let name: String
    /// The duration in microseconds.
    let duration: Int64?
    let details: Details?

    enum CodingKeys: String, CodingKey {
        case category = "cat"
        case name
        case duration = "dur"
        case details = "args"
    }
}
