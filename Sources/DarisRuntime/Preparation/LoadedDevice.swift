import DarisCore

/// A device with the models of a task set, and what a plan says of it.
struct LoadedDevice {
    var device: MachineDevice
    /// What it is called.
    var name: String
    /// What a context has its share of: cores, SMs.
    var unitName: String
    /// How many of these there are.
    var units: Int
    var kind: PartitionKind
    /// The units of each context, by number; empty where only their number is known.
    var contextUnits: [[Int]]
    /// How many units a context has, where it is not the number of `contextUnits`.
    var quota: Int?
    /// What measured times depend on besides the models: how the device is cut.
    var fingerprint: String
    /// Of each different task.
    var shapes: [DeviceTask: TensorShapes]
    /// Whether jobs of different tasks could run together there, if their models allow it.
    var runsBatches = false
    var notes: [String] = []
}
