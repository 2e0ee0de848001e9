//! Two automations. Before: eval "$(lunix env --role user)"
use futures::StreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seed = std::fs::read_to_string(std::env::var("NATS_NKEY")?)?;
    let key = async_nats::ConnectOptions::with_nkey(seed.trim().into());
    let bus = key.connect(std::env::var("NATS_URL")?).await?;
    let mut plugged = bus.subscribe("hardware.usb.add").await?;
    let mut readings = bus.subscribe("mqtt.temperature0").await?;
    loop {
        tokio::select! {
            Some(_) = plugged.next() => {
                bus.publish("toast.in", "a USB stick was plugged in!".into()).await?;
            }
            Some(reading) = readings.next() => {
                let Ok(celsius) = String::from_utf8_lossy(&reading.payload).parse::<f64>() else { continue };
                let answer = bus.request("ps.calibre", "".into()).await?;
                let calibre: serde_json::Value = serde_json::from_slice(&answer.payload)?;
                if celsius < 18.0 && calibre["running"] == true {
                    bus.publish("toast.in", format!("only {celsius} °C").into()).await?;
                }
            }
        }
    }
}
