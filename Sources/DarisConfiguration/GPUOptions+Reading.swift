extension GPUOptions {
    /// Reads `gpu:`.
    init(_ field: Field?) throws(ConfigurationError) {
        self.init()
        guard let field else { return }
        let section = try Section(field, keys: ["tf32", "nhwc", "graphs"], example: "{tf32: false}")
        if let value = try section["tf32"]?.bool() { tf32 = value }
        if let value = try section["nhwc"]?.bool() { nhwc = value }
        if let value = try section["graphs"]?.bool() { graphs = value }
    }
}
