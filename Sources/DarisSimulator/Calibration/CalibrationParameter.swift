/// A number of a device that calibration may change.
struct CalibrationParameter: Sendable {
    let name: String
    let range: ClosedRange<Double>
    let read: @Sendable (GPUModel) -> Double
    let write: @Sendable (inout GPUModel, Double) -> Void

    /// The parameters that all networks share.
    static let sharing: [CalibrationParameter] = [
        sharing("stageOverheadMs", 0.005...0.3, \.stageOverheadMs), sharing("noise", 0.02...0.4, \.noise),
        sharing("windowOverlap", 0.02...1, \.windowOverlap), sharing("kernelGap", 0.005...0.3, \.kernelGap),
        sharing("streamInterference", 0.005...0.5, \.streamInterference),
        sharing("launchLanes", 1...12, \.launchLanes), sharing("launchCrowding", 0.005...1, \.launchCrowding),
        sharing("queueLanes", 8...15.5, \.queueLanes), sharing("queueCrowding", 0.02...3, \.queueCrowding),
    ]

    /// The parameters of one network.
    static func network(_ name: String) -> [CalibrationParameter] {
        [
            cost(name, "launchMs", 0.1...10, \.launchMs), cost(name, "workSMms", 10...1000, \.workSMms),
            cost(name, "parallelism", 4...68, \.parallelism),
            cost(name, "bandwidthShare", 0.4...1, \.bandwidthShare),
        ]
    }

    private static func sharing(
        _ name: String, _ range: ClosedRange<Double>, _ path: WritableKeyPath<GPUModel.Sharing, Double> & Sendable
    ) -> CalibrationParameter {
        CalibrationParameter(
            name: name, range: range, read: { $0.sharing[keyPath: path] }, write: { $0.sharing[keyPath: path] = $1 })
    }

    private static func cost(
        _ network: String, _ name: String, _ range: ClosedRange<Double>,
        _ path: WritableKeyPath<NetworkCost, Double> & Sendable
    ) -> CalibrationParameter {
        CalibrationParameter(
            name: "\(network).\(name)", range: range, read: { $0.networks[network]?[keyPath: path] ?? 0 },
            write: { $0.networks[network]?[keyPath: path] = $1 })
    }
}
