import ONNXRuntime

/// Loads the stages of models for a CPU that is cut into core sets.
struct CPUStageLoader {
    let environment: Environment
    let coreSets: [[Int]]

    /// The sessions of each stage of a model, one a context. Contexts that can share a session have the same one.
    func sessions(_ model: StagedModel) throws(PreparationError) -> [[Session]] {
        var stages: [[Session]] = []
        for stage in model.stages {
            var byCores: [[Int]: Session] = [:]
            var sessions: [Session] = []
            for cores in coreSets {
                // On one core a session has no threads of its own and serves every lane.
                let key = cores.count == 1 ? [] : cores
                if byCores[key] == nil { byCores[key] = try session(model, stage, cores: cores) }
                sessions.append(byCores[key]!)
            }
            stages.append(sessions)
        }
        return stages
    }

    private func session(
        _ model: StagedModel, _ stage: StagedModel.Stage, cores: [Int]
    ) throws(PreparationError) -> Session {
        var options = SessionOptions()
        options.intraOpThreads = cores.count
        options.freeDimensionOverrides = model.dimensions
        if cores.count > 1 {
            // One entry a pool thread; the lane's own thread does the rest of the work. Processors count from 1 there.
            let all = cores.map { String($0 + 1) }.joined(separator: ",")
            options.intraOpThreadAffinities = cores.dropFirst().map { _ in all }.joined(separator: ";")
        }
        let options_ = options
        return try runtime(model.name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: .file(stage.path), options: options_)
        }
    }
}
