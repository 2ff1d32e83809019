import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import ONNXRuntime

/// Finds, builds, cuts and caches the models of a task set.
package struct ModelStore: Sendable {
    let environment: Environment
    let cache: CacheFolder
    let threads: Int
    /// Tries model files first, if given.
    let probe: ModelProbe?
    /// Whether models are converted to half precision before they are cut.
    let isHalf: Bool
    /// What measured times hold for: processor, threads, quota, ONNX Runtime.
    let machine: String

    /// A store for stages that run on `threads` threads each.
    package init(
        environment: Environment, cache: CacheFolder, threads: Int, probe: ModelProbe? = nil, isHalf: Bool = false
    ) {
        self.environment = environment
        self.cache = cache
        self.threads = threads
        self.probe = probe
        self.isHalf = isHalf
        machine = Self.machine(threads: threads, quota: CPUQuota.read(), runtime: environment.library.version)
        cache.removeAbandoned()
    }

    static func machine(threads: Int, quota: Double?, runtime: String) -> String {
        let quota = quota.map { " of \(CPUQuota.text($0))" } ?? ""
        return "\(CPUFacts.name) × \(threads)\(quota), ONNX Runtime \(runtime)"
    }

    /// Raise it whenever cutting or building changes, so that nothing stale is taken from a cache.
    static let format = "3"

    /// A model as it was read, and the fingerprint of its content.
    package struct Source: Sendable {
        /// The model, weights included.
        package var model: ONNXModel
        /// Fingerprint of its content.
        package var hash: String
        /// What the user should know of it.
        package var notes: [String] = []
    }

    /// Reads a model file, or builds a reference network.
    package func source(_ declaration: ModelDeclaration, progress: StepHandler) throws(PreparationError) -> Source {
        switch declaration.source {
        case .builtin(let name):
            guard let network = ReferenceNetwork(rawValue: name) else {
                let known = ReferenceNetwork.allCases.map(\.rawValue).joined(separator: ", ")
                throw .unsupported(
                    name: declaration.name, reason: "there is no built-in network '\(name)'; there are \(known)")
            }
            return Source(
                model: try built(network, seed: declaration.seed, progress: progress),
                hash: ContentHash.of(Self.format, name, "\(declaration.seed)"))
        case .file(let path):
            progress("reading \(path)")
            let model = try onnx(declaration.name) { () throws(ONNXError) in try ONNXModel.read(path: path) }
            let bytes = try onnx(declaration.name) { () throws(ONNXError) in try model.serialized() }
            var hash = ContentHash()
            bytes.withUnsafeBytes { hash.add($0) }
            return Source(model: model, hash: hash.text)
        }
    }

    private func built(_ network: ReferenceNetwork, seed: UInt64, progress: StepHandler) throws(PreparationError)
        -> ONNXModel
    {
        let entry = "models/\(network.rawValue)-\(seed)-v\(Self.format)"
        let path = cache.path(entry) + "/model.onnx"
        if cache.files(of: entry)?.contains("model.onnx") == true, let model = try? ONNXModel.read(path: path) {
            return model
        }
        progress("building \(network.title)")
        let model = network.build(seed: seed)
        try cache.make(entry) { folder in try model.write(path: folder + "/model.onnx") }
        return model
    }

    /// A model cut for a goal, from the cache if it has been cut for the same goal on the same machine.
    ///
    /// - Parameter batches: the batch sizes that it will run at.
    package func staged(
        _ declaration: ModelDeclaration, goal: StageDesigner.Goal, batches: [Int] = [1], progress: StepHandler
    ) throws(PreparationError) -> StagedModel {
        let original = try source(declaration, progress: progress)
        try tryOut(declaration, original, batches: batches, progress: progress)
        let source = isHalf ? try inHalfPrecision(declaration, original, progress: progress) : original
        let dimensions = declaration.dimensions
        let key = ContentHash.of(
            Self.format, source.hash, "\(goal)", machine, "\(dimensions.sorted { $0.key < $1.key })")
        let entry = "stages/\(key)"
        let folder = cache.path(entry)
        if let files = cache.files(of: entry),
            let manifest = try? StageManifest.read(path: folder + "/stages.json"),
            files.isSuperset(of: ["stages.json"] + manifest.stages.map(\.file))
        {
            return staged(declaration, source, manifest, folder: folder, goal: goal)
        }
        let designer = StageDesigner(environment: environment, threads: threads)
        let design = try designer.design(
            source.model, name: declaration.name, goal: goal, dimensions: dimensions, progress: progress)
        let manifest = design.manifest(declaration.name)
        try cache.make(entry) { folder in
            for (stage, item) in zip(design.stages, manifest.stages) {
                try stage.model.write(path: folder + "/" + item.file)
            }
            try manifest.write(path: folder + "/stages.json")
        }
        // What is there may be another process's, cut in other places.
        let kept = try onnx(declaration.name) { () throws(ONNXError) in
            try StageManifest.read(path: folder + "/stages.json")
        }
        return staged(declaration, source, kept, folder: folder, goal: goal)
    }

    /// Reads a model and has ONNX Runtime load it, to see whether it can be run at the given batch sizes.
    package func check(_ declaration: ModelDeclaration, batches: [Int], progress: StepHandler) throws(PreparationError)
    {
        let source = try source(declaration, progress: progress)
        try tryOut(declaration, source, batches: batches, progress: progress)
        let name = declaration.name
        let bytes = try onnx(name) { () throws(ONNXError) in
            _ = try ModelGraph(source.model)
            return try source.model.serialized()
        }
        var options = SessionOptions()
        options.optimizationLevel = .none
        options.freeDimensionOverrides = declaration.dimensions
        let (environment, options_) = (environment, options)
        let session = try runtime(name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: .bytes(bytes, name: name), options: options_)
        }
        for batch in Set(batches) {
            _ = try InputShapes.resolve(session.inputs, model: name, batch: batch, dimensions: declaration.dimensions)
        }
    }

    /// Has a model file that is new here tried in a process of its own. Every batch size is tried, and 1, at which models
    /// are cut.
    private func tryOut(
        _ declaration: ModelDeclaration, _ source: Source, batches: [Int], progress: StepHandler
    ) throws(PreparationError) {
        guard let probe, case .file(let path) = declaration.source else { return }
        let batches = Set(batches).union([1]).sorted()
        let dimensions = declaration.dimensions
        let key = ContentHash.of(
            Self.format, source.hash, "\(CPUFacts.name) \(environment.library.version)",
            "\(dimensions.sorted { $0.key < $1.key }) \(batches)")
        let entry = "tried/\(key).json"
        guard cache.read(entry, as: Bool.self) != true else { return }
        progress("trying \(declaration.name)")
        try probe.check(
            .init(
                name: declaration.name, path: path, dimensions: dimensions, batches: batches,
                library: environment.library.path))
        cache.write(true, to: entry)
    }

    private func staged(
        _ declaration: ModelDeclaration, _ source: Source, _ manifest: StageManifest, folder: String,
        goal: StageDesigner.Goal
    ) -> StagedModel {
        var model = StagedModel(
            name: declaration.name, hash: source.hash, model: source.model, manifest: manifest, folder: folder,
            dimensions: declaration.dimensions)
        model.notes = source.notes
        if case .longestStage(let limit) = goal, let longest = model.stages.map(\.measured).max(), longest > limit {
            model.notes.append(
                "model '\(declaration.name)': its longest stage takes \(Self.text(longest)), more than the "
                    + "\(Self.text(limit)) aimed at; finer cuts did not help")
        }
        return model
    }

    private static func text(_ time: Nanoseconds) -> String { String(format: "%.1f ms", time.inMilliseconds) }
}
