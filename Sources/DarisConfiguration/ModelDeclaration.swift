/// A network that tasks can run: where it comes from and how it is cut.
///
/// ```yaml
/// models:
///   resnet18: {builtin: resnet18, stages: 4}
///   segment:  {file: models/unet.onnx, stages: auto, dimensions: {height: 256}}
/// ```
package struct ModelDeclaration: Hashable, Sendable, Codable {
    /// Where a network comes from.
    package enum Source: Hashable, Sendable, Codable {
        /// One of `builtins`, with seeded random weights.
        case builtin(String)
        /// An ONNX file; its path is relative to the working folder, or absolute.
        case file(String)
    }

    /// The networks that need no file.
    package static let builtins = ["resnet18", "resnet50", "unet", "inception_v3"]

    /// The name tasks use; unique in a task set.
    package var name: String
    /// Where the network comes from.
    package var source: Source
    /// Into how many stages it is cut.
    package var stages: StageCount
    /// The values of the symbolic dimensions of a file's inputs, other than the batch.
    package var dimensions: [String: Int]
    /// The seed of the weights of a built-in network.
    package var seed: UInt64

    /// A model cut as `stages` says.
    package init(
        name: String, source: Source, stages: StageCount = .auto, dimensions: [String: Int] = [:], seed: UInt64 = 1
    ) {
        self.name = name
        self.source = source
        self.stages = stages
        self.dimensions = dimensions
        self.seed = seed
    }
}

/// Into how many stages a model is cut.
package enum StageCount: Hashable, Sendable, Codable {
    /// This many, 1 to 64.
    case fixed(Int)
    /// As many as suit the model, chosen when it is loaded.
    case auto

    /// The most stages that `auto` leads to.
    package static let automaticLimit = 32
    /// The share of the shortest period that one stage may take under `auto`, alone.
    package static let automaticShare = 0.1
    /// The stages of `auto` on a GPU, where how long a stage takes is known only once the model is cut: as many as the paper's
    /// ResNet18 has.
    package static let automaticOnGPU = 4
}

extension ModelDeclaration {
    /// Reads one entry of `models:`.
    init(_ field: Field, name: String) throws(ConfigurationError) {
        let section = try Section(
            field, keys: ["builtin", "file", "stages", "dimensions", "seed"], example: "{builtin: resnet18, stages: 4}")
        let source: Source
        switch (section["builtin"], section["file"]) {
        case (let builtin?, nil):
            source = .builtin(try ModelDeclaration.builtin(builtin))
            if let dimensions = section["dimensions"] {
                throw dimensions.error("are for models from a file; a built-in network has none to choose")
            }
        case (nil, let file?):
            source = .file(SourceFolder.resolve(try file.path(example: "models/net.onnx"), in: field.file))
            if let seed = section["seed"] {
                throw seed.error("is for the weights of built-in networks; a file has its own weights")
            }
        case (nil, nil):
            throw field.error("needs a network; write 'builtin: resnet18' or 'file: models/net.onnx'")
        case (_?, _?):
            throw field.error("has both 'builtin' and 'file'; keep one")
        }
        self.init(name: name, source: source)
        if let stages = section["stages"] { self.stages = try ModelDeclaration.stages(stages) }
        if let dimensions = section["dimensions"] {
            self.dimensions = try ModelDeclaration.dimensions(dimensions)
        }
        if let seed = section["seed"] { self.seed = try seed.integer(in: UInt64.min...UInt64.max) }
    }

    private static func builtin(_ field: Field) throws(ConfigurationError) -> String {
        let text = try field.text("a network", example: builtins[0])
        guard builtins.contains(text) else {
            let suggestion = Spelling.suggestion(for: text, among: builtins)
            throw field.error(
                "\(text.quoted) is not a built-in network;\(suggestion) built in are \(builtins.joined(separator: ", "))"
            )
        }
        return text
    }

    private static func stages(_ field: Field) throws(ConfigurationError) -> StageCount {
        let (least, most) = (Limits.stages.lowerBound, Limits.stages.upperBound)
        let text = try field.text("auto or a whole number from \(least) to \(most)", example: "auto")
        if text.lowercased() == "auto" { return .auto }
        guard let count = Int(text), Limits.stages.contains(count) else {
            throw field.error(
                "\(text.quoted) is not a number of stages; write auto or a whole number from \(least) to \(most)")
        }
        return .fixed(count)
    }

    private static func dimensions(_ field: Field) throws(ConfigurationError) -> [String: Int] {
        let entries = try Section.entries(of: field, example: "{height: 256, width: 256}")
        guard entries.count <= Limits.dimensions else {
            throw field.error("\(entries.count) dimensions are too many; keep to \(Limits.dimensions)")
        }
        var dimensions: [String: Int] = [:]
        for (key, value) in entries {
            guard (1...Limits.nameLength).contains(key.name.unicodeScalars.count),
                !key.name.unicodeScalars.contains(where: Field.isControl)
            else {
                throw key.field.error(
                    "\(key.name.quoted) is not the name of a dimension; write 1 to \(Limits.nameLength) characters")
            }
            dimensions[key.name] = try value.integer(in: Limits.dimension)
        }
        return dimensions
    }
}
