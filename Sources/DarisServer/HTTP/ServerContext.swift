import Hummingbird
import NIOCore

/// What belongs to one HTTP request besides its bytes.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Bodies are read with the server's own limit.
    var maxUploadSize: Int { .max }
}
