/// Why the driver cannot be used.
struct DriverFailure: Error {
    /// A sentence without a full stop.
    let reason: String
}
