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
